#!/usr/bin/env node
import { inheritedDescriptor } from './cli/inherited-descriptor.ts';
import { needsPrivateMounts } from './cli/private-mount-verbs.ts';
import { enterPrivateMountNamespace, looksLikeBootedHost } from './storage/mount-namespace.ts';

// What is loaded before the program is loaded twice where the launcher has not made a mount namespace, so it is little.
async function main(): Promise<void> {
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
}

// A verb that waits for something that never comes must not look like one that is done. 13 is Node's own status for it.
const failUnfinished = (): never => {
  process.stderr.write('error: Stopped in the middle of its work: nothing is left to wait for\n');
  process.exit(13);
};
process.once('beforeExit', failUnfinished);
// Taking apart the memory of a program that is done takes some milliseconds, and nobody needs it.
const endAtOnce = (): never => process.exit();
// The program in an image is no module, so there is no await at this level.
void main().then(() => process.off('beforeExit', failUnfinished).once('beforeExit', endAtOnce));
