import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { dirSync } from 'tmp-promise';
import { afterAll, expect, test } from 'vitest';

const folder = dirSync({ unsafeCleanup: true });
afterAll(() => folder.removeCallback());

const at = (name: string): string => join(folder.name, name);
copyFileSync(join(import.meta.dirname, 'bootc.cjs'), at('bootc.cjs'));
copyFileSync(join(import.meta.dirname, 'record-code-cache.cjs'), at('record-code-cache.cjs'));
// Loaded before the program: tells what V8 made of the cache.
writeFileSync(
  at('tell.cjs'),
  `const vm = require('node:vm');
vm.Script = class extends vm.Script {
  constructor(source, options) {
    super(source, options);
    console.log(options.cachedData === undefined ? 'none' : this.cachedDataRejected ? 'rejected' : 'used');
  }
};`,
);
const program = (word: string): string =>
  `(function(require,module,exports){'use strict';console.log(process.argv.slice(2).join(), '${word}', module.filename);})`;

async function start(...options: readonly string[]): Promise<string[]> {
  const argv = [process.execPath, ...options, '--require', at('tell.cjs'), at('bootc.cjs'), 'a', 'b'] as const;
  return (await run(argv, { step: 'start it' })).stdout.trim().split('\n');
}

async function record(): Promise<void> {
  const argv = [process.execPath, '--require', at('record-code-cache.cjs'), at('bootc.cjs')] as const;
  await run(argv, { step: 'record', env: { CODE_CACHE: at('program.cache') } });
}

const ran = `a,b first ${at('bootc.cjs')}`;

test('the program runs with the code that was recorded, and without any', async () => {
  writeFileSync(at('program.cjs'), program('first'));
  expect(await start()).toEqual(['none', ran]);
  await record();
  expect(existsSync(at('program.cache'))).toBe(true);
  expect(await start()).toEqual(['used', ran]);
  rmSync(at('program.cache'));
  expect(await start()).toEqual(['none', ran]);
});

test('code of another V8, of another program, or of which a part is missing, is left aside', async () => {
  writeFileSync(at('program.cjs'), program('first'));
  await record();
  expect(await start('--no-enable-avx')).toEqual(['rejected', ran]);

  const size = readFileSync(at('program.cache')).length;
  truncateSync(at('program.cache'), size - 100);
  expect(await start()).toEqual(['rejected', ran]);

  await record();
  writeFileSync(at('program.cjs'), program('another one'));
  expect(await start()).toEqual(['rejected', ran.replace('first', 'another one')]);
});

test('what cfs runs is in a cache of its own', async () => {
  writeFileSync(at('program.cjs'), program('first'));
  await record();
  const cfs = [process.execPath, '--require', at('tell.cjs'), at('bootc.cjs'), 'internals', 'cfs', 'x'] as const;
  const start = async () => (await run(cfs, { step: 'start it' })).stdout.split('\n')[0];
  expect(await start()).toBe('none');
  renameSync(at('program.cache'), at('cfs.cache'));
  expect(await start()).toBe('used');
});

test('a module of Node that is slow to load is loaded when something of it is asked for', async () => {
  writeFileSync(
    at('program.cjs'),
    `(function(require){
      const isLoaded = () => process.moduleLoadList.includes('NativeModule crypto');
      const crypto = require('node:crypto');
      const answers = [isLoaded(), crypto.hash('sha1', 'x', 'hex').length, isLoaded()];
      const all = { ...require('node:zlib') };
      console.log(answers.join(), typeof all.gunzipSync, 'gunzipSync' in require('node:zlib'), require.resolve('node:fs'));
    })`,
  );
  rmSync(at('program.cache'), { force: true });
  expect(await start()).toEqual(['none', 'false,40,true function true node:fs']);
});
