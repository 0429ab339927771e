/** Where the menu entries of unified kernel images are for classic grub, relative to the boot folder. */
export const grubMenu = { directory: 'grub2', active: 'user.cfg', staged: 'user.cfg.staged' } as const;

/** A menu entry of grub that starts an EFI program. */
export interface GrubMenuEntry {
  title: string;
  /** The EFI program, absolute on the EFI system partition. */
  path: string;
}

/**
 * The menu entries of a grub script that have a `chainloader` line (GNU GRUB manual, 16.1.1 and 17.3.7), in their order,
 * the first of which is the default. Everything else in the script is passed over.
 */
export function parseGrubMenu(text: string): GrubMenuEntry[] {
  const entries: GrubMenuEntry[] = [];
  let title: string | undefined;
  for (const line of text.split('\n')) {
    const opening = /^\s*menuentry\s+(?:"([^"]*)"|'([^']*)')/.exec(line);
    if (opening !== null) title = opening[1] ?? opening[2] ?? '';
    else if (/^\s*\}/.test(line)) title = undefined;
    const path = chainloaderLine.exec(line)?.[2];
    if (title !== undefined && path !== undefined) entries.push({ title, path });
  }
  return entries;
}

/** The same script with other EFI programs: `rename` gets each path of a `chainloader` line. Nothing else changes. */
export function renameInGrubMenu(text: string, rename: (path: string) => string): string {
  return text
    .split('\n')
    .map((line) => line.replace(chainloaderLine, (_line, start: string, path: string) => `${start}${rename(path)}`))
    .join('\n');
}

/** The same script without the menu entries whose EFI program `isGone`. Nothing else changes. */
export function withoutGrubEntries(text: string, isGone: (path: string) => boolean): string {
  const kept: string[] = [];
  let block: string[] | undefined;
  for (const line of text.split('\n')) {
    if (/^\s*menuentry\s/.test(line)) {
      kept.push(...(block ?? []));
      block = [];
    }
    if (block === undefined) {
      kept.push(line);
      continue;
    }
    block.push(line);
    if (!/^\s*\}/.test(line)) continue;
    const isRemoved = block.some((inside) => isGone(chainloaderLine.exec(inside)?.[2] ?? ''));
    if (!isRemoved) kept.push(...block);
    block = undefined;
  }
  return [...kept, ...(block ?? [])].join('\n');
}

const chainloaderLine = /^(\s*chainloader\s+)(\/\S+)/;
