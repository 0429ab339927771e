import { linkSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { writeAttribute } from '../syscalls/extended-attributes.ts';

/** A directory of everything that an image can have; needs root, and a file system without limits, such as tmpfs. */
export async function makeTree(path: string): Promise<void> {
  const at = (name: string) => join(path, name);
  for (const name of ['', 'usr', 'usr/lib', 'boot', 'sysroot', 'run']) mkdirSync(at(name));
  for (const size of [0, 64, 65, 5000]) writeFileSync(at(`usr/${size}`), Buffer.alloc(size, 7));
  linkSync(at('usr/65'), at('usr/lib/again'));
  symlinkSync('usr/a b\n', at('link'));
  await run(['mknod', at('usr/null'), 'c', '1', '3'], { step: 'make a device' });
  await run(['mknod', at('usr/whiteout'), 'c', '0', '0'], { step: 'make a whiteout' });
  await run(['mkfifo', at('usr/fifo')], { step: 'make a fifo' });
  writeAttribute(at('usr/64'), 'user.x', Buffer.from('1'));
  writeAttribute(at('usr/64'), 'trusted.x', Buffer.from('2'));
  utimesSync(at('usr/64'), 5, 1234.5);
}
