'use strict';
/*
 * What the launcher starts in an image: the program, which is one file beside this one, with the code that V8 made of it when it was
 * bundled. Node's own compile cache is not used, since it is only found on processors with the features of the one it was made on,
 * and modules are not, since finding and linking them takes as long as all else together.
 *
 * V8 looks at the cache itself: one of another version of it, or of another program, is left aside, and the program is compiled anew.
 */
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { Script } = require('node:vm');

// All of a cache is loaded at every start, so that what only few verbs run is in one of its own.
const isCfs = process.argv[2] === 'internals' && process.argv[3] === 'cfs';

function readCache() {
  try {
    return readFileSync(join(__dirname, isCfs ? 'cfs.cache' : 'program.cache'));
  } catch {
    return undefined;
  }
}

/** Modules of Node that take milliseconds to load, though many verbs have no use for them. */
const slowModules = ['node:child_process', 'node:crypto', 'node:worker_threads', 'node:zlib'];

/** A module that is loaded when something of it is first asked for. */
function lazyModule(name) {
  let loaded;
  const load = () => (loaded ??= require(name));
  return new Proxy(
    {},
    {
      get: (_, key) => load()[key],
      has: (_, key) => key in load(),
      ownKeys: () => Reflect.ownKeys(load()),
      getOwnPropertyDescriptor: (_, key) => ({ ...Reflect.getOwnPropertyDescriptor(load(), key), configurable: true }),
    },
  );
}

const lazyModules = new Map(slowModules.map((name) => [name, lazyModule(name)]));
const requireLazily = Object.assign((name) => lazyModules.get(name) ?? require(name), require);

const filename = join(__dirname, 'program.cjs');
// Nothing but ASCII is in it, which is read fastest this way.
const script = new Script(readFileSync(filename, 'latin1'), { filename, cachedData: readCache() });
script.runInThisContext()(requireLazily, module, exports);
