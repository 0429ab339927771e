/**
 * A command as a unit file's `ExecStart=` reads it back unchanged (systemd.service(5), "Command lines"): every word in
 * double quotes, `%` doubled against specifiers, `$` doubled against systemd's own variables. A shell that the command
 * starts sees the single `$`, and substitutes it.
 */
export function quoteSystemdCommand(argv: readonly string[]): string {
  return argv
    .map((word) => {
      const escaped = word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
      return `"${escaped.replaceAll('%', '%%').replaceAll('$', () => '$$')}"`;
    })
    .join(' ');
}
