#!/usr/bin/env node
import { needsPrivateMounts } from './cli/private-mount-verbs.ts';
import { enterPrivateMountNamespace, looksLikeBootedHost } from './storage/mount-namespace.ts';

// What is loaded before this point is loaded twice by the verbs that get a mount namespace of their own, so it is little.
process.title = 'bootc';
if (process.getuid?.() === 0) {
  process.env.HOME ??= '/root';
  if (needsPrivateMounts(process.argv.slice(2)) && looksLikeBootedHost()) enterPrivateMountNamespace();
}

const { runProgram } = await import('./cli/program.ts');
process.exitCode = await runProgram(process.argv.slice(2));
