import { parseKernelArguments } from './kernel-arguments.ts';
import type { NamedEntry } from './menu-order.ts';

/**
 * The menu of a grub without the `blscfg` module, such as Debian's. It lies among the entry files it is made from, so that both
 * are swapped by one exchange.
 */
export const blsMenuName = 'bootc_menu.cfg';

/**
 * Boot entries as a script of grub (GNU GRUB manual, 6 and 17), in this order; the first is the default. Entries that start an
 * EFI program are left out.
 */
export function formatBlsMenu(entries: readonly NamedEntry[]): string {
  const blocks = entries.flatMap(({ fileName, entry: { title, version, target } }) => {
    if (target.kind !== 'linux') return [];
    const options = target.options === undefined ? '' : ` ${quoteParameters(target.options)}`;
    return [
      `menuentry ${quote(title ?? version)} --id ${quote(fileName.replace(/\.conf$/, ''))} {`,
      `    linux ${quote(target.linux)}${options}`,
      ...(target.initrds.length === 0 ? [] : [`    initrd ${target.initrds.map(quote).join(' ')}`]),
      '}',
    ];
  });
  return `${['# Made from the entries in this folder; bootc writes it anew with them.', 'set default=0', ...blocks].join('\n')}\n`;
}

/** The script that a grub on the ESP begins with: it finds the file system with `/boot`, and the menu there. */
export function formatGrubStart(options: { filesystemUuid: string; bootIsMount: boolean }): string {
  const base = options.bootIsMount ? '' : '/boot';
  return `# Written by bootc install; the menu is beside the boot entries.
search --no-floppy --set=root --fs-uuid ${quote(options.filesystemUuid)}
set timeout=1
source ${base}/loader/entries/${blsMenuName}
`;
}

// Grub escapes quotes that are in a word, and puts those back around a word with blanks: the kernel takes a parameter that is
// quoted as a whole for the same as one with a quoted value.
function quoteParameters(text: string): string {
  return parseKernelArguments(text)
    .map((parameter) => quote(parameter.replaceAll('"', '')))
    .join(' ');
}

function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
