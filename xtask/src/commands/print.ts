/** Writes lines to standard output, which holds the result of a verb and nothing else. */
export function printLines(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Writes a value to standard output as JSON. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

/**
 * Runs `work` and writes what it printed when it is through, also when it throws: while steps are shown on a terminal,
 * other output would fall between their lines.
 */
export async function withReport<T>(work: (print: (text: string) => void) => Promise<T>): Promise<T> {
  const texts: string[] = [];
  try {
    return await work((text) => void texts.push(text));
  } finally {
    if (texts.length > 0) printLines(texts);
  }
}
