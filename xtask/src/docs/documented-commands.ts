/** A command that a document tells its reader to run. */
export interface DocumentedCommand {
  /** File and line, for messages. */
  readonly where: string;
  /** A recipe of `just`, one of `just bcvk`, or a verb of xtask. */
  readonly kind: 'recipe' | 'bcvk recipe' | 'verb';
  readonly name: string;
  /** Variables set in front of it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly words: readonly string[];
}

/**
 * The commands in a Markdown text that call a recipe or xtask: lines of its shell blocks, and code in running text, as in
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

const callPattern = /^((?:[A-Z]\w*=\S+ )*)(\.\/justw|just|xtask|node xtask\/src\/main\.ts) (.+)$/;

function commandOf(text: string, where: string): DocumentedCommand[] {
  const withoutComment = text.replace(/\s+#.*$/, '').trim();
  const [, variables = '', program = '', rest] = callPattern.exec(withoutComment) ?? [];
  if (rest === undefined) return [];
  const words = [...rest.matchAll(/'[^']*'|"[^"]*"|\S+/g)].map(([word]) => word.replaceAll(/^['"]|['"]$/g, ''));
  const real = words.filter((word) => !/^\[|…|^[A-Z][A-Z_]*$/.test(word));
  const isRecipe = program.includes('just');
  const isBcvk = isRecipe && real[0] === 'bcvk';
  const [name, ...args] = isBcvk ? real.slice(1) : real;
  if (name === undefined) return [];
  const kind = isBcvk ? 'bcvk recipe' : isRecipe ? 'recipe' : 'verb';
  return [{ where, kind, name, environment: variablesOf(variables), words: args }];
}

function variablesOf(text: string): Record<string, string> {
  const pairs = text
    .trim()
    .split(' ')
    .filter((word) => word !== '');
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}
