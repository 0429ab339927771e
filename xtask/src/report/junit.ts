import { XMLBuilder } from 'fast-xml-parser';
import type { Quarantined } from '../quarantine/quarantine.ts';
import type { PlanReport, RunReport, TestReport } from './plan-report.ts';

type Node = Record<string, unknown>;

const builder = new XMLBuilder({
  ignoreAttributes: false,
  format: true,
  suppressEmptyNode: true,
  attributeNamePrefix: '@',
  textNodeName: '#text',
});

/**
 * The run as JUnit XML: a suite for each plan, a case for each test. What is no test's fault (the guest died, the token is
 * missing) is a case of its own, named `machine`, as an `error`; so a plan that failed, or did not run, never looks green.
 */
export function junitXml(report: RunReport): string {
  const suites = [
    ...report.plans.map((plan) => suiteOf(plan, report)),
    ...report.notRun.map((plan) => suiteOfNotRun(plan, report)),
  ];
  const total = (key: string): number => suites.reduce((sum, suite) => sum + Number(suite[key]), 0);
  const root = {
    testsuites: {
      '@name': `bootc ${report.cell}`,
      '@tests': total('@tests'),
      '@failures': total('@failures'),
      '@errors': total('@errors'),
      '@time': seconds(report.durationMs),
      testsuite: suites,
    },
  };
  return `<?xml version="1.0" encoding="UTF-8"?>\n${builder.build(root)}`;
}

function suiteOf(plan: PlanReport, report: RunReport): Node {
  const classname = classOf(plan.plan, report);
  const cases = [machineCase(plan, classname), ...plan.tests.map((test) => testCase(test, plan, classname))];
  const having = (key: string): number => cases.filter((node) => key in node).length;
  return {
    '@name': plan.plan,
    '@timestamp': plan.phases[0]?.startedAt ?? report.startedAt,
    '@tests': cases.length,
    '@failures': having('failure'),
    '@errors': having('error'),
    '@skipped': having('skipped'),
    '@time': seconds(plan.phases.reduce((sum, { durationMs }) => sum + durationMs, 0)),
    properties: {
      property: [
        { '@name': 'image', '@value': report.image },
        { '@name': 'vm', '@value': plan.vm },
        { '@name': 'logs', '@value': plan.folder },
        ...(plan.earlierTries ?? []).map(({ code }) => ({ '@name': 'earlier try', '@value': code })),
      ],
    },
    testcase: cases,
  };
}

function suiteOfNotRun(plan: string, report: RunReport): Node {
  const error = { '@type': 'not run', '@message': 'the run ended before' };
  return {
    '@name': plan,
    '@timestamp': report.startedAt,
    '@tests': 1,
    '@failures': 0,
    '@errors': 1,
    '@skipped': 0,
    '@time': seconds(0),
    testcase: [{ '@classname': classOf(plan, report), '@name': 'machine', '@time': seconds(0), error }],
  };
}

function classOf(plan: string, report: RunReport): string {
  return `${report.cell}${plan}`.replaceAll('/', '.');
}

function machineCase({ failure, phases, quarantined }: PlanReport, classname: string): Node {
  const beforeTests = phases.filter(({ name }) => name !== 'tests');
  const node: Node = {
    '@classname': classname,
    '@name': 'machine',
    '@time': seconds(beforeTests.reduce((sum, { durationMs }) => sum + durationMs, 0)),
  };
  if (failure === undefined || failure.class === 'test') return node;
  if (quarantined !== undefined) return { ...node, skipped: { '@message': printable(quarantineText(quarantined)) } };
  return {
    ...node,
    error: {
      '@type': `${failure.class}: ${failure.code}`,
      '@message': printable(failure.message),
      '#text': printable([failure.hint ?? '', `last lines of ${failure.tailOf}:`, ...failure.tail].join('\n')),
    },
  };
}

function testCase(test: TestReport, plan: PlanReport, classname: string): Node {
  const { name, result, note, durationMs, outputFile } = test;
  const node: Node = { '@classname': classname, '@name': name, '@time': seconds(durationMs) };
  const tail = plan.failure?.tailOf === `output of ${name}` ? plan.failure.tail : [];
  const details = {
    '@message': printable(note === '' ? result : note),
    '#text': printable([outputFile ?? '', ...tail].join('\n')),
  };
  const isBad = !['pass', 'info', 'skip'].includes(result);
  if (isBad && plan.quarantined !== undefined) {
    return { ...node, skipped: { '@message': printable(quarantineText(plan.quarantined)) } };
  }
  if (result === 'fail' || result === 'warn') return { ...node, failure: { '@type': result, ...details } };
  if (result === 'error' || result === 'pending') return { ...node, error: { '@type': result, ...details } };
  if (result === 'skip') return { ...node, skipped: { '@message': printable(note) } };
  return node;
}

function quarantineText({ tracker, reason, expires }: Quarantined): string {
  return `quarantined until ${expires}: ${reason} (${tracker})`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

/** Without the characters that XML 1.0 does not allow, not even escaped. */
function printable(text: string): string {
  return text.replaceAll(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd]/g, '');
}
