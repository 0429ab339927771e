import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lastLines } from '@workbench/run';
import { consoleLogs } from '../vm/console-follower.ts';
import { plainConsoleLine } from '../vm/console-patterns.ts';
import { journalText } from '../vm/journal-words.ts';
import { htmlPage, type LogTail } from './html-page.ts';
import { junitXml } from './junit.ts';
import type { PlanReport, RunReport } from './plan-report.ts';
import { readHistory } from './run-history.ts';

const tailLines = 150;

/** Writes report.json, junit.xml and report.html into the folder of the run. */
export function writeReports(report: RunReport): void {
  const write = (name: string, text: string): void => writeFileSync(join(report.folder, name), text);
  write('report.json', `${JSON.stringify(report, null, 2)}\n`);
  write('junit.xml', junitXml(report));
  write('report.html', htmlPage(report, tailsOf, readHistory(report.folder)));
}

function tailsOf(plan: PlanReport): LogTail[] {
  const consoles = consoleLogs(plan.folder).map((name) => ({ title: name, file: join(plan.folder, name) }));
  const outputs = plan.tests.flatMap(({ name, outputFile }) =>
    outputFile === undefined ? [] : [{ title: `output of ${name}`, file: join(plan.folder, outputFile) }],
  );
  const journals = ['journal.json', 'journal-initrd.json'].map((name) => ({
    title: name,
    file: join(plan.folder, name),
  }));
  return [...consoles, ...journals, ...outputs, { title: 'commands.log', file: join(plan.folder, 'commands.log') }]
    .filter(({ file }) => existsSync(file))
    .map(({ title, file }) => ({
      title,
      file,
      text: lastLines(textOf(file), tailLines).map(plainConsoleLine).join('\n'),
    }));
}

function textOf(file: string): string {
  const text = readFileSync(file, 'utf8');
  return file.endsWith('.json') ? journalText(text) : text;
}
