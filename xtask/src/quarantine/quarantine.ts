import { readFile } from 'node:fs/promises';
import { CodedError } from '@workbench/run';
import { isNode, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';

const entrySchema = z.strictObject({
  /** Name of a plan, whole: `/plans/upgrade/rollback`. */
  plan: z.string().startsWith('/plans/'),
  /** Code of the failure that is known; any other failure of the plan counts. */
  code: z.string().regex(/^[A-Z][A-Z_]+$/),
  /** Cells as `composefs/systemd/bls/unsealed/xfs`; left out: all. */
  cells: z.array(z.string()).optional(),
  /** Where the defect is written down. */
  tracker: z.string().min(1),
  reason: z.string().min(1),
  /** The last day, in UTC, on which the failure is tolerated. */
  expires: z.iso.date(),
});

/** A failure that is known, written down, and tolerated for a while. */
export type QuarantineEntry = z.infer<typeof entrySchema>;

/** What of an entry is shown with a failure. */
export type Quarantined = Pick<QuarantineEntry, 'tracker' | 'reason' | 'expires'>;

/**
 * Reads quarantine.yaml from its text. An entry whose time is over is an error, so that nothing stays in it unseen.
 *
 * @param file the path that errors show.
 * @param today as `2026-11-24`.
 * @throws CodedError QUARANTINE_INVALID (exit code 2) with every problem as `file:line:column`.
 */
export function parseQuarantine(text: string, file: string, today: string): QuarantineEntry[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const place = (path: readonly PropertyKey[]): string => {
    const nodes = path.map((_, index) => document.getIn(path.slice(0, path.length - index), true));
    const node = nodes.find((each) => isNode(each) && each.range) ?? document.contents;
    const { line, col } = lines.linePos(isNode(node) && node.range ? node.range[0] : 0);
    return `${file}:${line}:${col}`;
  };
  const broken = document.errors.map((error) => {
    const { line, col } = lines.linePos(error.pos[0]);
    return `${file}:${line}:${col}  ${error.message.split('\n')[0]}`;
  });
  if (broken.length > 0) throw invalid(broken);
  const parsed = z.array(entrySchema).safeParse(document.toJS() ?? []);
  if (!parsed.success) {
    throw invalid(parsed.error.issues.map(({ path, message }) => `${place(path)}  ${path.join('.')}: ${message}`));
  }
  const over = parsed.data.flatMap(({ plan, expires, tracker }, index) =>
    expires < today ? [`${place([index, 'expires'])}  ${plan} was to be mended by ${expires} (${tracker})`] : [],
  );
  if (over.length > 0) throw invalid(over);
  return parsed.data;
}

/** Reads the file; none is an empty one. */
export async function loadQuarantine(file: string, now = new Date()): Promise<QuarantineEntry[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return parseQuarantine(text, file, now.toISOString().slice(0, 10));
}

/** The entry that tolerates this failure of a plan in a cell, if one does. Failures of the infrastructure never are. */
export function toleratedBy(
  entries: readonly QuarantineEntry[],
  failure: { plan: string; cell: string; code: string; class: string },
): Quarantined | undefined {
  if (failure.class === 'infrastructure') return undefined;
  const entry = entries.find(
    ({ plan, code, cells }) =>
      plan === failure.plan && code === failure.code && (cells === undefined || cells.includes(failure.cell)),
  );
  return entry && { tracker: entry.tracker, reason: entry.reason, expires: entry.expires };
}

function invalid(problems: readonly string[]): CodedError {
  const [first = ''] = problems;
  const message =
    problems.length === 1 ? first : ['the quarantine is not valid', ...problems.map((line) => `  ${line}`)].join('\n');
  return new CodedError('QUARANTINE_INVALID', message, {
    exitCode: 2,
    hint: 'an entry has plan, code, tracker, reason and expires, and may have cells; mend the defect, or extend the date',
  });
}
