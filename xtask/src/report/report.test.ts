import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { expect, test } from 'vitest';
import { passedPlan, exampleRun as report } from './example-run.ts';
import { failureCard } from './failure-card.ts';
import { htmlPage } from './html-page.ts';
import { junitXml } from './junit.ts';
import { runPassed } from './plan-report.ts';
import { summaryTable } from './summary-table.ts';

test('the summary is as it was', async () => {
  const text = [summaryTable(report), ...report.plans.map((plan) => failureCard(plan, '/repo'))].join('\n\n');
  await expect(`${text}\n`).toMatchFileSnapshot('golden/summary.txt');
});

test('JUnit XML is as it was, and well-formed whatever is in a message', async () => {
  const xml = junitXml(report);
  expect(XMLValidator.validate(xml)).toBe(true);
  expect(xml).not.toContain('\x1b');
  const { testsuites } = new XMLParser({ ignoreAttributes: false }).parse(xml);
  expect(testsuites).toMatchObject({ '@_tests': '7', '@_failures': '1', '@_errors': '2' });
  await expect(xml).toMatchFileSnapshot('golden/junit.xml');
});

test('the page is as it was: no script, nothing from elsewhere, everything escaped', async () => {
  const html = htmlPage(report, (plan) => [
    { title: 'console.log', file: `${plan.folder}/console.log`, text: '<b>login:</b>' },
  ]);
  expect(html).not.toMatch(/<script|https?:|src=|@import|url\(/);
  expect(html).not.toContain('<b>login');
  expect(html).toContain('expected: &lt;a&gt; &amp; &quot;b&quot;');
  expect(html).toContain('href="composefs/plans-rollback/tmt/r/output.txt"');
  await expect(html).toMatchFileSnapshot('golden/report.html');
});

test('a run passed when every plan ran and none failed', () => {
  expect(runPassed(report)).toBe(false);
  expect(runPassed({ ...report, plans: [passedPlan] })).toBe(false);
  expect(runPassed({ ...report, plans: [passedPlan], notRun: [] })).toBe(true);
});
