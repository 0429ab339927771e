/** A command that a document tells its reader to run. */
export interface DocumentedCommand {
  /** File and line, for messages. */
  readonly where: string;
  readonly recipe: string;
  /** Set for the recipes of `just bcvk`. */
  readonly isBcvk: boolean;
  readonly words: readonly string[];
}

/**
 * The commands in a Markdown text that call a recipe: lines of its shell blocks, and code in running text, as in
 * `just plan readonly`. Placeholders in capitals or brackets are no arguments.
 */
export function documentedCommands(markdown: string, file: string): DocumentedCommand[] {
  const commands: DocumentedCommand[] = [];
  let block: string | undefined;
  for (const [index, line] of markdown.split('\n').entries()) {
    const where = `${file}:${index + 1}`;
    const fence = /^```(\w*)/.exec(line);
    if (fence !== null) {
      block = block === undefined ? (fence[1] ?? '') : undefined;
      continue;
    }
    const texts = block === 'sh' ? [line] : block === undefined ? inlineCode(line) : [];
    for (const text of texts) commands.push(...commandOf(text, where));
  }
  return commands;
}

function inlineCode(line: string): string[] {
  return [...line.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
}

function commandOf(text: string, where: string): DocumentedCommand[] {
  const withoutComment = text.replace(/\s+#.*$/, '').trim();
  const [, rest] = /^(?:[A-Z_a-z]+=\S+ )*(?:\.\/justw|just) (.+)$/.exec(withoutComment) ?? [];
  if (rest === undefined) return [];
  const words = [...rest.matchAll(/'[^']*'|"[^"]*"|\S+/g)].map(([word]) => word.replaceAll(/^['"]|['"]$/g, ''));
  const real = words.filter((word) => !/^\[|…|^[A-Z][A-Z_]*$|^[a-z]+=/.test(word));
  const isBcvk = real[0] === 'bcvk';
  const [recipe, ...args] = isBcvk ? real.slice(1) : real;
  return recipe === undefined ? [] : [{ where, recipe, isBcvk, words: args }];
}
