/** What one check of this machine found. */
export interface Finding {
  readonly id: string;
  /** `ok`; `warning`: works, but something is to be known; `missing`: needed, and not there. */
  readonly status: 'ok' | 'warning' | 'missing';
  /** What was found, or what is wrong, in one line. */
  readonly found: string;
  /** What needs it. */
  readonly neededFor: string;
  /** What to do about it. */
  readonly fix?: string;
}

/** Whether the machine can do the work: nothing that is needed is missing. */
export function isHealthy(findings: readonly Finding[]): boolean {
  return findings.every(({ status }) => status !== 'missing');
}

/** The findings as lines for a person, each fix under its finding. */
export function describeFindings(findings: readonly Finding[]): string[] {
  const width = Math.max(...findings.map(({ id }) => id.length));
  const marks = { ok: 'ok     ', warning: 'warning', missing: 'MISSING' } as const;
  return findings.flatMap(({ id, status, found, neededFor, fix }) => [
    `${marks[status]}  ${id.padEnd(width)}  ${found}`,
    ...(status === 'ok' ? [] : [`${' '.repeat(width + 11)}for: ${neededFor}`]),
    ...(fix === undefined ? [] : [`${' '.repeat(width + 11)}fix: ${fix}`]),
  ]);
}
