import {
  chmodSync,
  closeSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { run } from '@workbench/run';
import { writeAttribute } from '../../src/syscalls/extended-attributes.ts';
import type { Random } from '../random.ts';

type Kind = 'directory' | 'file' | 'link' | 'symlink' | 'node';

const kinds: readonly Kind[] = ['directory', 'directory', 'file', 'file', 'file', 'file', 'link', 'symlink', 'node'];
const sizes = [0, 1, 63, 64, 65, 4095, 4096, 4097, 20_000, 600_000];
const nodes: readonly (readonly string[])[] = [['c', '0', '0'], ['c', '5', '300'], ['b', '259', '1'], ['p']];
const attributes = ['user.a', 'user.overlay.opaque', 'trusted.overlay.opaque', 'trusted.x', 'security.selinux'];

/**
 * Makes a directory with random content: names that are no text, hard links, devices, holes, attributes, odd times and
 * owners. Needs root, and a file system that takes all that.
 */
export async function makeFolder(root: string, random: Random): Promise<void> {
  mkdirSync(root);
  const directories = [Buffer.from(root)];
  const files: Buffer[] = [];
  const made: { path: Buffer; kind: Kind }[] = [];
  for (let left = random.below(50); left > 0; left--) {
    const path = Buffer.concat([random.pick(directories), Buffer.from('/'), makeName(random)]);
    const kind = random.pick(kinds);
    try {
      await makeEntry(path, kind, { random, files });
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') continue;
      throw error;
    }
    made.push({ path, kind });
    if (kind === 'directory') directories.push(path);
    if (kind === 'file') files.push(path);
  }
  // Times last, and from the bottom up, since making an entry sets that of its directory.
  for (const { path, kind } of [{ path: Buffer.from(root), kind: 'directory' as const }, ...made].reverse()) {
    decorate(path, kind, random);
  }
}

async function makeEntry(path: Buffer, kind: Kind, { random, files }: { random: Random; files: Buffer[] }) {
  if (kind === 'directory') mkdirSync(path);
  else if (kind === 'symlink') symlinkSync(makeTarget(random), path);
  else if (kind === 'link' && files.length > 0) linkSync(random.pick(files), path);
  else if (kind === 'node') await makeNode(path, random);
  else writeContent(path, random);
}

// Other programs take names as text only.
async function makeNode(path: Buffer, random: Random): Promise<void> {
  const [type, ...numbers] = random.pick(nodes) as [string, ...string[]];
  const name = path.toString();
  if (!Buffer.from(name).equals(path)) return writeContent(path, random);
  const { stderr, exitCode } = await run(['mknod', '--', name, type, ...numbers], {
    step: 'make a node',
    okExitCodes: [0, 1],
  });
  if (exitCode !== 0) throw Object.assign(new Error(stderr), { code: 'EEXIST' });
}

function writeContent(path: Buffer, random: Random): void {
  const fd = openSync(path, 'wx');
  const size = random.oneIn(3) ? random.below(300) : random.pick(sizes);
  // Often the same content, sometimes a hole.
  if (random.oneIn(6)) ftruncateSync(fd, size);
  else writeSync(fd, Buffer.alloc(size, random.below(4)));
  closeSync(fd);
}

function makeTarget(random: Random): Buffer {
  return Buffer.from(random.bytes(1 + random.below(300)).map((byte) => byte | 1));
}

function makeName(random: Random): Buffer {
  if (random.oneIn(10)) return Buffer.from(random.pick(['00', 'ff', '-', '!x', 'usr', '..a', '\\x', 'a b', '\n', 'é']));
  if (random.oneIn(20)) return Buffer.alloc(255, 'n');
  const name = random.bytes(1 + random.below(random.oneIn(5) ? 120 : 8));
  return Buffer.from(name.map((byte) => (byte === 0x2f || byte === 0 || byte === 0x2e ? 0x5f : byte)));
}

function decorate(path: Buffer, kind: Kind, random: Random): void {
  if (random.oneIn(3)) lchownSync(path, random.pick([0, 1000, 65_535, 65_536]), random.pick([0, 5, 70_000]));
  if (kind !== 'symlink' && random.oneIn(3)) chmodSync(path, random.below(0o10000));
  const isPlain = kind === 'directory' || kind === 'file';
  for (let left = isPlain && random.oneIn(3) ? random.below(4) : 0; left > 0; left--) {
    writeAttribute(
      path,
      random.pick(attributes),
      Buffer.alloc(random.pick([0, 1, 20, 20, 300, 4000]), random.below(3)),
    );
  }
  if (kind === 'link') return;
  const time = random.pick([0, 5, 5, 1_700_000_000, 1_700_000_000.25, 2 ** 32, 2 ** 33 + 0.5]);
  lutimesSync(path, time, time);
}
