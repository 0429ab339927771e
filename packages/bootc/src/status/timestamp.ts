/**
 * A time of RFC 3339 in UTC as the status document has it: no fraction when it is zero, else three, six or nine digits of
 * it, whichever suffice. Undefined for text that is no such time.
 */
export function normalizeTimestamp(text: string): string | undefined {
  const match = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|z|[+-]\d\d:\d\d)$/.exec(text);
  if (match === null) return undefined;
  const [, date, time, fraction = '', zone] = match;
  const seconds = new Date(`${date}T${time}${zone!.toUpperCase()}`);
  if (Number.isNaN(seconds.getTime())) return undefined;
  const digits = fraction.slice(0, 9).replace(/0+$/, '');
  const width = Math.ceil(digits.length / 3) * 3;
  const shown = width === 0 ? '' : `.${digits.padEnd(width, '0')}`;
  return `${seconds.toISOString().slice(0, 19)}${shown}Z`;
}

/** The same time cut to whole seconds, for people. */
export function timestampInSeconds(timestamp: string): string {
  return timestamp.replace(/\.\d+/, '');
}
