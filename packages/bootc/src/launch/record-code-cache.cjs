'use strict';
/*
 * Loaded before the program when it is bundled: writes what V8 has compiled by the end of the run to the file that CODE_CACHE names.
 * What an earlier run wrote and this one loaded is in it again.
 */
const { writeFileSync } = require('node:fs');
const { Script } = require('node:vm');

const { runInThisContext } = Script.prototype;
Script.prototype.runInThisContext = function run(...args) {
  process.once('exit', () => writeFileSync(process.env.CODE_CACHE, this.createCachedData()));
  return Reflect.apply(runInThisContext, this, args);
};
