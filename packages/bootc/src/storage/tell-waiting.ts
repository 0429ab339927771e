/** Says on standard error for whom or what this process waits. */
export function tellWaiting(line: string): void {
  process.stderr.write(`notice: ${line}\n`);
}
