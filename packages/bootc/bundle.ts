/**
 * Makes `target/guest`: bootc as it lies in the image, a launcher, the runtime, and the program in as few files as start
 * fastest. Usage: `node packages/bootc/bundle.ts [--output=DIR]`.
 *
 * Files are replaced only when their content changes, and their times follow from it, so that an image layer made of them
 * is the same layer as long as the program is.
 */
import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { CodedError, describeError, run } from '@workbench/run';
import { build, type Plugin } from 'esbuild';

/** Time of every folder: it says nothing, but it must not change. */
const fixedTime = new Date('2020-01-01T00:00:00Z');

/**
 * Time of a file, within half a year after that of the folders: it follows from the content, so that it is the same as long
 * as the content is, and so that tools that go by size and time, such as rsync, see every change.
 */
function timeOf(content: Uint8Array): Date {
  return new Date(fixedTime.getTime() + 1000 * createHash('sha256').update(content).digest().readUIntBE(0, 3));
}

const packageRoot = import.meta.dirname;
const repositoryRoot = resolve(packageRoot, '../..');
const require = createRequire(import.meta.url);

/** One file of the guest. */
interface GuestFile {
  content: string | Uint8Array;
  mode: number;
}

/** Of the schema library's forty languages the one that is used; they are half of it. */
const oneLocale: Plugin = {
  name: 'one-locale',
  setup: (build) =>
    build.onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    })),
};

/**
 * Help texts are laid out by libraries that know how wide every emoji is, and their tables are two fifths of the time that
 * `bootc --version` takes. Ours hold no wide character and are never wrapped or coloured, so counting is enough.
 */
const plainText: Plugin = {
  name: 'plain-text',
  setup: (build) => {
    const contents = {
      'string-width': 'text => text.length',
      'wrap-ansi': 'text => text',
      'strip-ansi': 'text => text',
    };
    build.onLoad({ filter: /node_modules\/(string-width|wrap-ansi|strip-ansi)\/index\.js$/ }, ({ path }) => ({
      contents: `export default ${contents[basename(dirname(path)) as keyof typeof contents]};`,
    }));
  },
};

async function bundleProgram(): Promise<Map<string, GuestFile>> {
  const result = await build({
    entryPoints: {
      bootc: join(packageRoot, 'src/main.ts'),
      // A thread starts from a file of its own, which is looked for under this name.
      'object-worker': join(repositoryRoot, 'packages/composefs/src/threads/worker.ts'),
    },
    absWorkingDir: repositoryRoot,
    outdir: '/usr/lib/bootc',
    outExtension: { '.js': '.mjs' },
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node26',
    // Names stay readable in a stack trace; white space is what a parser still has to walk over.
    minifyWhitespace: true,
    legalComments: 'eof',
    // The one native module is loaded with require() where it is needed, from node_modules beside the program.
    external: ['koffi'],
    // CommonJS libraries inside the bundle ask for Node's own modules. Schemas are used once or twice in a run, so compiling
    // them costs more than it saves: an eighth of the time of `bootc status` on an emulated processor.
    banner: {
      js:
        "import{createRequire as bundledRequire}from'node:module';const require=bundledRequire(import.meta.url);" +
        'globalThis.__zod_globalConfig??={jitless:true};',
    },
    plugins: [oneLocale, plainText],
    logLevel: 'silent',
  });
  for (const warning of result.warnings) console.error(`warning: ${warning.text} (${warning.location?.file ?? '?'})`);
  return new Map(
    result.outputFiles.map((file) => [file.path.slice(1), { content: file.contents, mode: 0o644 }] as const),
  );
}

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

function launcher(): GuestFile {
  const content = `#!/bin/sh
# A program that is called by another name of this file is a verb of bootc.
case $0 in
    *bootc-systemd-generator) set -- internals systemd-generator "$@" ;;
esac
export NODE_COMPILE_CACHE=/usr/lib/bootc/cache NODE_COMPILE_CACHE_PORTABLE=1
exec /usr/lib/bootc/node /usr/lib/bootc/bootc.mjs "$@"
`;
  return { content, mode: 0o755 };
}

/** Names what the files are made of: equal programs have equal ids. `bootc --version` shows it. */
function buildIdOf(files: ReadonlyMap<string, GuestFile>): string {
  const hash = createHash('sha256');
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
    if (files.has(name) || name === runtimeName || name.startsWith(`${cacheFolder}/`)) continue;
    await rm(path);
    changed.push(name);
  }
  return changed;
}

const runtimeName = 'usr/lib/bootc/node';
const cacheFolder = 'usr/lib/bootc/cache';

/**
 * The runtime, without the symbol table and debugging information that a fifth of it consists of. Kept as long as it was
 * made from the same file.
 */
async function updateRuntime(output: string): Promise<boolean> {
  const source = require.resolve(`node-linux-${process.arch}/bin/node`);
  const { size, mtimeMs } = await stat(source);
  const stampPath = `${output}.runtime.json`;
  const stamp = JSON.stringify({ source: relative(repositoryRoot, source), size, mtimeMs });
  const path = join(output, runtimeName);
  const isCurrent = (await readFile(stampPath, 'utf8').catch(() => '')) === stamp;
  if (isCurrent && (await stat(path).catch(() => undefined)) !== undefined) return false;
  await mkdir(dirname(path), { recursive: true });
  await rm(stampPath, { force: true });
  await copyFile(source, `${path}.new`);
  await run(['strip', `${path}.new`], { step: 'strip the runtime' }).catch((error: unknown) => {
    if (!(error instanceof CodedError) || error.code !== 'COMMAND_NOT_FOUND') throw error;
    console.error('warning: strip (package binutils) is not installed, so the runtime is 30 MB larger than it need be');
  });
  await chmod(`${path}.new`, 0o755);
  const time = timeOf(await readFile(`${path}.new`));
  await utimes(`${path}.new`, time, time);
  await rename(`${path}.new`, path);
  await writeFile(stampPath, stamp);
  return true;
}

/** Verbs that between them load most of the program. What they compile is what starts faster; the fullest comes first. */
const warmingVerbs: readonly (readonly string[])[] = [
  ['status', '--json'],
  ['install', 'to-disk', '--help'],
  ['internals', 'cfs', '--help'],
  ['--help'],
  ['--version'],
];

/**
 * V8's code cache, made by running the program here. It is found from the place of the program, wherever that is, but only
 * on processors with the features of this one; elsewhere the program compiles itself as it does without.
 */
async function warmCompileCache(output: string): Promise<void> {
  const library = join(output, 'usr/lib/bootc');
  const cache = join(output, cacheFolder);
  await rm(cache, { recursive: true, force: true });
  for (const verb of warmingVerbs) {
    await run([join(library, 'node'), join(library, 'bootc.mjs'), ...verb], {
      step: `compile bootc ${verb.join(' ')}`,
      env: { NODE_COMPILE_CACHE: cache, NODE_COMPILE_CACHE_PORTABLE: '1' },
      // What they answer here does not matter.
      okExitCodes: [0, 1, 2],
    });
  }
  for (const path of await filesBelow(cache)) {
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
  const files = new Map<string, GuestFile>([...program, ...koffi, ['usr/bin/bootc', launcher()]]);
  files.set('usr/lib/bootc/build-id', { content: `${buildIdOf(files)}\n`, mode: 0o644 });
  const changed = await updateFolder(output, files);
  if (await updateRuntime(output)) changed.push(runtimeName);
  const hasCache = (await filesBelow(join(output, cacheFolder))).length > 0;
  if (changed.length > 0 || !hasCache) await warmCompileCache(output);
  await fixFolderTimes(output);
  console.log(changed.length === 0 ? `${output} is up to date` : `${output}: ${changed.length} files changed`);
}

try {
  await main();
} catch (error) {
  console.error(describeError(error));
  process.exitCode = 1;
}
