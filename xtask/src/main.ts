#!/usr/bin/env node
import { mkdirSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { workspace } from './settings/workspace.ts';

// Most of the time of a short call goes into reading and compiling modules, so this comes before any other import. The
// programs that xtask starts find the same cache in their environment.
process.env.NODE_COMPILE_CACHE ??= join(workspace.target, 'cache/node');
mkdirSync(process.env.NODE_COMPILE_CACHE, { recursive: true });
enableCompileCache(process.env.NODE_COMPILE_CACHE);

const { runProcess } = await import('./run-process.ts');
await runProcess();
