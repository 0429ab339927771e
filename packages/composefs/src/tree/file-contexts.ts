import { CodedError } from '@workbench/run';
import type { ByteString } from './tree.ts';

/** One letter for the type of a node, as file_contexts(5) and `ls -l` have it. */
export type TypeLetter = 'b' | 'c' | 'd' | 'p' | 'l' | 's' | '-';

/** Looks up the label of a path, which begins with a slash; undefined where the policy gives none. */
export type FindLabel = (path: ByteString, type: TypeLetter) => ByteString | undefined;

interface Rule {
  /** Only a path that begins so can match; it spares running most of the expressions. */
  stem: string;
  /** Of the path followed by the letter of the type; undefined if the stem is the whole path. */
  expression: RegExp | undefined;
  type: TypeLetter | undefined;
  label: ByteString;
}

/**
 * Compiles the text of file_contexts(5) files, in the order in which they apply: of several lines that match, the last one
 * counts, and the label `<<none>>` means no label.
 *
 * @throws CodedError `SELINUX_POLICY` naming the line that cannot be understood.
 */
export function compileFileContexts(files: readonly { name: string; text: ByteString }[]): FindLabel {
  const rules: Rule[] = [];
  for (const { name, text } of files) {
    for (const [index, line] of text.split('\n').entries()) {
      const fields = line.trim().split(/\s+/);
      if (fields[0] === '' || fields[0]?.startsWith('#')) continue;
      rules.push(parseRule(fields, `${name}:${index + 1}`));
    }
  }
  return findLabelIn(rules);
}

function parseRule(fields: string[], where: string): Rule {
  const [pattern, ...rest] = fields as [string, ...string[]];
  const label = rest.pop();
  const type = rest.length === 0 ? undefined : /^-([bcdpls-])$/.exec(rest[0] ?? '')?.[1];
  if (label === undefined || rest.length > 1 || (rest.length === 1 && type === undefined)) {
    throw policyError(`${where}: not "PATTERN [-TYPE] LABEL"`);
  }
  const stem = literalStem(pattern);
  try {
    // The pattern covers the whole path and the letter stands after it, so that one test decides both.
    const expression = new RegExp(`^(?:${pattern})${type ?? '[bcdpls-]'}$`);
    return { ...stem, expression: stem.isWhole ? undefined : expression, type: type as TypeLetter | undefined, label };
  } catch (cause) {
    throw policyError(`${where}: ${cause instanceof Error ? cause.message : cause}`);
  }
}

/** What every match of a pattern begins with, and whether it is all there is to match. */
function literalStem(pattern: string): { stem: string; isWhole: boolean } {
  if (hasAlternatives(pattern)) return { stem: '', isWhole: false };
  let stem = '';
  let at = 0;
  while (at < pattern.length) {
    const unit = /^(?:\\[^A-Za-z0-9]|[^\\.^$*+?()[\]{}|])/.exec(pattern.slice(at, at + 2))?.[0];
    if (unit === undefined) return { stem, isWhole: false };
    // A quantifier makes the unit before it optional or repeated.
    if (/[*+?{]/.test(pattern[at + unit.length] ?? '')) return { stem, isWhole: false };
    stem += unit.at(-1);
    at += unit.length;
  }
  return { stem, isWhole: true };
}

/** Whether a pattern has alternatives outside of groups, so that its matches need not begin alike. */
function hasAlternatives(pattern: string): boolean {
  let outside = pattern.replaceAll(/\\./g, '').replaceAll(/\[[^\]]*\]/g, '');
  for (let inner = ''; inner !== outside; ) {
    inner = outside;
    outside = outside.replaceAll(/\([^()]*\)/g, '');
  }
  return outside.includes('|');
}

/** The part of a stem or path that rules are grouped by: two leading components, if it surely has them. */
function groupKey(path: string): string | undefined {
  return /^\/[^/]+\/[^/]*(?=\/)/.exec(path)?.[0];
}

function findLabelIn(rules: readonly Rule[]): FindLabel {
  const groups = new Map<string | undefined, number[]>();
  const whole = new Map<string, number[]>();
  for (const [index, rule] of rules.entries()) {
    const [table, key] =
      rule.expression === undefined ? [whole as typeof groups, rule.stem] : [groups, groupKey(rule.stem)];
    const members = table.get(key);
    if (members === undefined) table.set(key, [index]);
    else members.push(index);
  }
  const lastMatch = (members: readonly number[] | undefined, path: ByteString, type: TypeLetter, above: number) => {
    for (let i = (members?.length ?? 0) - 1; i >= 0; i--) {
      const index = members?.[i] as number;
      if (index <= above) break;
      const { stem, expression, type: only } = rules[index] as Rule;
      if (
        expression === undefined
          ? only === undefined || only === type
          : path.startsWith(stem) && expression.test(path + type)
      ) {
        return index;
      }
    }
    return above;
  };
  return (path, type) => {
    let best = lastMatch(whole.get(path), path, type, -1);
    const key = groupKey(path);
    if (key !== undefined) best = lastMatch(groups.get(key), path, type, best);
    best = lastMatch(groups.get(undefined), path, type, best);
    const label = rules[best]?.label;
    return label === '<<none>>' ? undefined : label;
  };
}

function policyError(problem: string): CodedError {
  return new CodedError('SELINUX_POLICY', `SELinux policy of the image: ${problem}`, {
    hint: 'mend or reinstall the policy package in the image, or remove /etc/selinux/config from it to go without labels',
  });
}
