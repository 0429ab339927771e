import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { CodedError } from '@workbench/run';
import { type BuildFailure, type BuildOptions, build, type Message, type Plugin } from 'esbuild';

const packageRoot = import.meta.dirname;
const repositoryRoot = resolve(packageRoot, '../..');

/** One file of the guest. */
export interface GuestFile {
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

// Schemas are used once or twice in a run, so compiling them costs more than it saves.
const schemasAreNotCompiled = 'globalThis.__zod_globalConfig??={jitless:true};';

/** What the program and the threads have in common. */
const common = {
  absWorkingDir: repositoryRoot,
  outdir: '/usr/lib/bootc',
  bundle: true,
  write: false,
  platform: 'node',
  target: 'node26',
  // Names stay readable in a stack trace; white space is what a parser still has to walk over.
  minifyWhitespace: true,
  legalComments: 'eof',
  // The one native module is loaded with require() where it is needed, from node_modules beside the program.
  external: ['koffi'],
  plugins: [oneLocale, plainText],
  logLevel: 'silent',
} satisfies BuildOptions;

/**
 * The program as the files of `/usr/lib/bootc`, by their paths in the image: one script with all of it, what starts that, and the
 * program of its threads. A part that is imported where it is used is also evaluated there, so that a verb runs only its own.
 *
 * @param main the module that starts all.
 * @throws CodedError PROGRAM_NOT_BUILT with what is wrong in which line.
 */
export async function bundleProgram(main = join(packageRoot, 'src/main.ts')): Promise<Map<string, GuestFile>> {
  const program = build({
    ...common,
    entryPoints: { program: main },
    outExtension: { '.js': '.cjs' },
    format: 'cjs',
    // All is in this file, and Node's own modules are loaded with require(), which needs no loader of modules.
    supported: { 'dynamic-import': false },
    define: { 'import.meta.url': 'bundledUrl' },
    // The value of the script is a function of what a module may use.
    banner: {
      js:
        "(function(require,module,exports){'use strict';" +
        `const bundledUrl=require('node:url').pathToFileURL(module.filename).href;${schemasAreNotCompiled}`,
    },
    footer: { js: '})' },
  });
  const threads = build({
    ...common,
    // A thread starts from a file of its own, which is looked for under this name.
    entryPoints: { 'object-worker': join(repositoryRoot, 'packages/composefs/src/threads/worker.ts') },
    outExtension: { '.js': '.mjs' },
    format: 'esm',
    banner: {
      js:
        "import{createRequire as bundledRequire}from'node:module';const require=bundledRequire(import.meta.url);" +
        schemasAreNotCompiled,
    },
  });
  const files = new Map<string, GuestFile>([
    ['usr/lib/bootc/bootc.cjs', { content: await readFile(join(packageRoot, 'src/launch/bootc.cjs')), mode: 0o644 }],
  ]);
  const built = await Promise.all([program, threads]).catch((error: unknown) => {
    throw isBuildFailure(error) ? notBuilt(error) : error;
  });
  for (const { warnings, outputFiles } of built) {
    for (const warning of warnings) console.error(`warning: ${placed(warning)}`);
    for (const { path, contents } of outputFiles ?? []) files.set(path.slice(1), { content: contents, mode: 0o644 });
  }
  return files;
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors);
}

function notBuilt(failure: BuildFailure): CodedError {
  return new CodedError('PROGRAM_NOT_BUILT', failure.errors.map(placed).join('\n'), {
    hint: '`just types` says more of errors of types',
    cause: failure,
  });
}

function placed({ location, text }: Message): string {
  return location === null ? text : `${location.file}:${location.line}:${location.column + 1}  ${text}`;
}
