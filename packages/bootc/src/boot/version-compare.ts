/**
 * Compares two versions as the UAPI Version Format Specification says
 * (https://uapi-group.org/specifications/specs/version_format_specification/): `~` sorts before everything, even the
 * end of the string; then the shorter is older; `-`, `^` and `.` are older than any text; numbers are newer than text.
 *
 * @returns less than 0 when `a` is older, more than 0 when it is newer, 0 when they are equal.
 */
export function compareVersions(a: string, b: string): number {
  let restA = a;
  let restB = b;
  for (;;) {
    restA = restA.replace(/^[^A-Za-z0-9~^.-]+/, '');
    restB = restB.replace(/^[^A-Za-z0-9~^.-]+/, '');
    if (restA.startsWith('~') || restB.startsWith('~')) {
      const order = Number(restB.startsWith('~')) - Number(restA.startsWith('~'));
      if (order !== 0) return order;
      restA = restA.slice(1);
      restB = restB.slice(1);
      continue;
    }
    if (restA === '' || restB === '') return Math.sign(restA.length - restB.length);
    const separator = ['-', '^', '.'].find((mark) => restA.startsWith(mark) || restB.startsWith(mark));
    if (separator !== undefined) {
      const order = Number(restB.startsWith(separator)) - Number(restA.startsWith(separator));
      if (order !== 0) return order;
      restA = restA.slice(1);
      restB = restB.slice(1);
      continue;
    }
    const isNumeric = /^[0-9]/.test(restA) || /^[0-9]/.test(restB);
    const run = isNumeric ? /^[0-9]*/ : /^[A-Za-z]*/;
    const segmentA = run.exec(restA)![0];
    const segmentB = run.exec(restB)![0];
    const order = isNumeric ? compareNumbers(segmentA, segmentB) : compareText(segmentA, segmentB);
    if (order !== 0) return order;
    restA = restA.slice(segmentA.length);
    restB = restB.slice(segmentB.length);
  }
}

// An empty segment (the other string has letters here) is older than any number, even 0.
function compareNumbers(a: string, b: string): number {
  if (a === '' || b === '') return Math.sign(a.length - b.length);
  const digitsA = a.replace(/^0+/, '');
  const digitsB = b.replace(/^0+/, '');
  return Math.sign(digitsA.length - digitsB.length) || compareText(digitsA, digitsB);
}

/** Compares two strings by their UTF-16 code units, which for ASCII is byte order. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
