#!/usr/bin/env node
import { inheritedDescriptor } from './cli/inherited-descriptor.ts';
import { needsPrivateMounts } from './cli/private-mount-verbs.ts';
import { enterPrivateMountNamespace, looksLikeBootedHost } from './storage/mount-namespace.ts';

// What is loaded before this point is loaded twice by the verbs that get a mount namespace of their own, so it is little.
process.title = 'bootc';
if (process.getuid?.() === 0) {
  process.env.HOME ??= '/root';
  if (needsPrivateMounts(process.argv.slice(2)) && looksLikeBootedHost()) {
    const descriptor = inheritedDescriptor(process.argv.slice(2));
    if (descriptor !== undefined) {
      const { inheritDescriptor } = await import('@workbench/composefs');
      // One that is not open is told of when it is needed.
      try {
        inheritDescriptor(descriptor);
      } catch {}
    }
    enterPrivateMountNamespace();
  }
}

const { runProgram } = await import('./cli/program.ts');
process.exitCode = await runProgram(process.argv.slice(2));
