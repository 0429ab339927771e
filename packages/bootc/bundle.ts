/**
 * Makes `target/guest`: bootc as it lies in the image, a launcher, the runtime, and the program in as few files as start
 * fastest. Usage: `node packages/bootc/bundle.ts [--output=DIR]`.
 *
 * Files are replaced only when their content changes, and their times follow from it, so that an image layer made of them
 * is the same layer as long as the program is.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { CodedError, describeError, run } from '@workbench/run';
import { bundleProgram, type GuestFile } from './bundle-program.ts';
import { launcherText } from './src/launch/launcher.ts';

/** Time of every folder: it says nothing, but it must not change. */
const fixedTime = new Date('2020-01-01T00:00:00Z');

/**
 * Time of a file, within half a year after that of the folders: it follows from the content, so that it is the same as long
 * as the content is, and so that tools that go by size and time, such as rsync, see every change.
 */
function timeOf(content: Uint8Array): Date {
  return new Date(fixedTime.getTime() + 1000 * createHash('sha256').update(content).digest().readUIntBE(0, 3));
}

const repositoryRoot = resolve(import.meta.dirname, '../..');
const require = createRequire(import.meta.url);

// The library's own entry looks for its native part in many places; here there is one.
async function koffiFiles(): Promise<Map<string, GuestFile>> {
  const platform = `linux-${process.arch}`;
  const native = join(
    dirname(require.resolve(`@koromix/koffi-${platform}/package.json`)),
    `linux_${process.arch}`,
    'koffi.node',
  );
  const folder = 'usr/lib/bootc/node_modules/koffi';
  return new Map<string, GuestFile>([
    [`${folder}/index.js`, { content: "'use strict';\nmodule.exports = require('./koffi.node');\n", mode: 0o644 }],
    [`${folder}/package.json`, { content: '{"name":"koffi","main":"index.js"}\n', mode: 0o644 }],
    [`${folder}/koffi.node`, { content: await readFile(native), mode: 0o755 }],
  ]);
}

/** Names what some files are made of, and what else is said of them: equal ones have equal ids. */
function idOf(files: Iterable<readonly [string, GuestFile]>, also = ''): string {
  const hash = createHash('sha256').update(also);
  for (const [name, { content }] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${name}\0${Buffer.byteLength(content)}\0`).update(content);
  }
  return hash.digest('hex').slice(0, 12);
}

/** Writes the files and removes what an earlier program left in the same folders. Returns the names of what changed. */
async function updateFolder(output: string, files: ReadonlyMap<string, GuestFile>): Promise<string[]> {
  const changed: string[] = [];
  for (const [name, file] of files) {
    const path = join(output, name);
    const content = Buffer.from(file.content);
    const present = await readFile(path).catch(() => undefined);
    if (present === undefined || !present.equals(content)) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(`${path}.new`, content);
      await rename(`${path}.new`, path);
      changed.push(name);
    }
    await chmod(path, file.mode);
    await utimes(path, timeOf(content), timeOf(content));
  }
  for (const path of await filesBelow(output)) {
    const name = relative(output, path);
    if (files.has(name) || name === runtimeName || cacheNames.includes(name)) continue;
    await rm(path);
    changed.push(name);
  }
  await removeEmptyFolders(output);
  return changed;
}

// What an earlier program had in folders of its own must not leave them in the image.
async function removeEmptyFolders(output: string): Promise<void> {
  const entries = await readdir(output, { recursive: true, withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  for (const folder of folders.sort().reverse()) {
    if ((await readdir(folder)).length === 0) await rmdir(folder);
  }
}

const runtimeName = 'usr/lib/bootc/node';
const cacheName = 'usr/lib/bootc/program.cache';
const cfsCacheName = 'usr/lib/bootc/cfs.cache';
const cacheNames = [cacheName, cfsCacheName];

/** What the runtime was made from, and the digest of what it became. */
interface RuntimeStamp {
  source: string;
  size: number;
  mtimeMs: number;
  sha256: string;
}

async function readStamp(path: string): Promise<Partial<RuntimeStamp>> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Partial<RuntimeStamp>;
  } catch {
    return {};
  }
}

/**
 * The runtime, without the symbol table and debugging information that a fifth of it consists of. Kept as long as it was
 * made from the same file.
 */
async function updateRuntime(output: string): Promise<{ isNew: boolean; sha256: string }> {
  const source = require.resolve(`node-linux-${process.arch}/bin/node`);
  const { size, mtimeMs } = await stat(source);
  const stampPath = `${output}.runtime.json`;
  const path = join(output, runtimeName);
  const made = { source: relative(repositoryRoot, source), size, mtimeMs };
  const { sha256, ...madeBefore } = await readStamp(stampPath);
  const isThere = (await stat(path).catch(() => undefined)) !== undefined;
  if (isThere && sha256 !== undefined && isDeepStrictEqual(madeBefore, made)) return { isNew: false, sha256 };
  await mkdir(dirname(path), { recursive: true });
  await rm(stampPath, { force: true });
  await copyFile(source, `${path}.new`);
  await run(['strip', `${path}.new`], { step: 'strip the runtime' }).catch((error: unknown) => {
    if (!(error instanceof CodedError) || error.code !== 'COMMAND_NOT_FOUND') throw error;
    console.error('warning: strip (package binutils) is not installed, so the runtime is 30 MB larger than it need be');
  });
  await chmod(`${path}.new`, 0o755);
  const content = await readFile(`${path}.new`);
  await utimes(`${path}.new`, timeOf(content), timeOf(content));
  await rename(`${path}.new`, path);
  const stamp: RuntimeStamp = { ...made, sha256: createHash('sha256').update(content).digest('hex') };
  await writeFile(stampPath, JSON.stringify(stamp));
  return { isNew: true, sha256: stamp.sha256 };
}

/**
 * Runs of the program whose functions are in the code caches: those that run what a status and an upgrade run on a booted host, as far
 * as that can be done here; and of cfs those that read and make images. All of a cache is loaded at every start, so it is not the whole
 * program.
 */
function warmingRuns(repository: string): { cache: string; verb: string[] }[] {
  const cfs = ['internals', 'cfs', '--repo', repository];
  const image = join(repositoryRoot, 'packages/composefs/vectors/oci/image');
  return [
    { cache: cfsCacheName, verb: [...cfs, 'init', '--insecure', repository] },
    // Begins with what `init` left, and is the beginning of the other cache: on a booted host there is a repository.
    { cache: cacheName, verb: [...cfs, 'images'] },
    ...[
      ['status', '--json'],
      ['status'],
      ['upgrade'],
      ['internals', 'blockdev', 'ls-filesystem', '/'],
      ['--version'],
    ].map((verb) => ({ cache: cacheName, verb })),
    ...[
      ['images'],
      ['oci', 'pull', `oci:${image}:vector`, 'image', '--bootable'],
      ['oci', 'compute-id', '--bootable', 'image'],
      ['gc'],
    ].map((verb) => ({ cache: cfsCacheName, verb: [...cfs, ...verb] })),
  ];
}

/** V8's code caches, made by running the program here, with what it loads being what the next run adds to. */
async function recordCodeCaches(output: string): Promise<void> {
  const library = join(output, 'usr/lib/bootc');
  const recorder = join(import.meta.dirname, 'src/launch/record-code-cache.cjs');
  const folder = await mkdtemp(join(tmpdir(), 'bootc-code-cache-'));
  for (const name of cacheNames) await rm(join(output, name), { force: true });
  try {
    for (const { cache, verb } of warmingRuns(join(folder, 'repository'))) {
      await run([join(library, 'node'), '--require', recorder, join(library, 'bootc.cjs'), ...verb], {
        step: `compile bootc ${verb.join(' ')}`,
        env: { CODE_CACHE: join(output, cache), PATH: process.env.PATH },
        // What they answer here does not matter.
        okExitCodes: [0, 1, 2],
      });
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  for (const name of cacheNames) {
    const path = join(output, name);
    const time = timeOf(await readFile(path));
    await chmod(path, 0o644);
    await utimes(path, time, time);
  }
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
}

// Times of folders are in an image layer too.
async function fixFolderTimes(output: string): Promise<void> {
  const entries = await readdir(output, { recursive: true, withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  for (const folder of [...folders, output]) {
    await chmod(folder, 0o755);
    await utimes(folder, fixedTime, fixedTime);
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { output: { type: 'string' } } });
  const output = resolve(values.output ?? join(repositoryRoot, 'target/guest'));
  const [program, koffi] = await Promise.all([bundleProgram(), koffiFiles()]);
  const runtime = await updateRuntime(output);
  const files = new Map<string, GuestFile>([
    ...program,
    ...koffi,
    ['usr/bin/bootc', { content: launcherText(), mode: 0o755 }],
  ]);
  const idFile = (id: string): GuestFile => ({ content: `${id}\n`, mode: 0o644 });
  // `bootc --version` shows it.
  files.set('usr/lib/bootc/build-id', idFile(idOf(files)));
  // Of what changes with the runtime alone: by it a system with the same one is known not to need another copy.
  files.set('usr/lib/bootc/runtime-id', idFile(idOf(koffi, runtime.sha256)));
  const changed = await updateFolder(output, files);
  if (runtime.isNew) changed.push(runtimeName);
  const hasCaches = cacheNames.every((name) => existsSync(join(output, name)));
  if (changed.length > 0 || !hasCaches) await recordCodeCaches(output);
  await fixFolderTimes(output);
  console.log(changed.length === 0 ? `${output} is up to date` : `${output}: ${changed.length} files changed`);
}

try {
  await main();
} catch (error) {
  console.error(describeError(error));
  process.exitCode = 1;
}
