/** Most differences that are told: the first ones usually say it all. */
const mostLines = 10;

/**
 * Tells how two trees differ, both as dumpfiles (composefs-dump(5)) with the same transformations applied: the path of each
 * node that only one has, or that they have differently, in the order of the paths.
 *
 * @param sealed the tree that a digest was computed of when the image was built.
 * @param imported the tree that the image has now.
 */
export function explainDifference(sealed: string, imported: string): string[] {
  const [before, after] = [linesByPath(sealed), linesByPath(imported)];
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort();
  const lines: string[] = [];
  for (const path of paths) {
    const [old, now] = [before.get(path), after.get(path)];
    if (old === now) continue;
    if (old === undefined) lines.push(`+ ${path}: the image has it, the sealed tree has not`);
    else if (now === undefined) lines.push(`- ${path}: the sealed tree has it, the image has not`);
    else lines.push(`~ ${path}: ${describeFields(old, now)}`);
  }
  if (lines.length <= mostLines) return lines;
  return [...lines.slice(0, mostLines), `and ${lines.length - mostLines} more`];
}

function linesByPath(dumpfile: string): Map<string, string> {
  const lines = new Map<string, string>();
  for (const line of dumpfile.split('\n')) {
    const blank = line.indexOf(' ');
    if (blank > 0) lines.set(line.slice(0, blank), line.slice(blank + 1));
  }
  return lines;
}

const fields = ['size', 'mode', 'links', 'uid', 'gid', 'device', 'mtime', 'payload', 'content', 'digest'];

// Extended attributes are the fields after the named ones.
function describeFields(before: string, after: string): string {
  const [old, now] = [before.split(' '), after.split(' ')];
  const differing = Array.from({ length: Math.max(old.length, now.length) }, (_, index) => index)
    .filter((index) => old[index] !== now[index])
    .map((index) => `${fields[index] ?? 'xattr'} ${old[index] ?? 'none'} became ${now[index] ?? 'none'}`);
  return differing.join(', ');
}
