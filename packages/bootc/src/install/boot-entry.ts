import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '@workbench/composefs';
import { formatBlsEntry } from '../boot/bls-entry.ts';
import { blsMenuName, formatBlsMenu } from '../boot/bls-menu.ts';
import type { NamedEntry } from '../boot/menu-order.ts';
import { loaderPaths } from '../boot/names.ts';
import type { BootLocation } from '../storage/boot-entries.ts';

/**
 * Writes the only boot entry of a new installation, and for grub the menu that it reads. After it resolves, all is on disk;
 * before, all that the entry names must be.
 *
 * @returns the name of its file.
 */
export async function writeFirstEntry(boot: BootLocation, named: NamedEntry): Promise<string> {
  const entries = join(boot.bootDirectory, loaderPaths.entries);
  await mkdir(entries, { recursive: true });
  await replaceFile(entries, named.fileName, formatBlsEntry(named.entry));
  if (boot.bootloader === 'grub') await replaceFile(entries, blsMenuName, formatBlsMenu([named]));
  return named.fileName;
}
