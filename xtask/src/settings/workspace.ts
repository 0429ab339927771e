import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of this repository, absolute. All commands work relative to it, wherever they are started. */
export const workspaceRoot = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');

/** Where things stand in the repository, absolute. */
export const workspace = {
  dotenv: join(workspaceRoot, '.env'),
  profiles: join(workspaceRoot, 'vm-profiles'),
  target: join(workspaceRoot, 'target'),
  secureBootKeys: join(workspaceRoot, 'target/secure-boot-keys'),
  runs: join(workspaceRoot, 'target/runs'),
  tmt: join(workspaceRoot, 'target/tools/venv/bin/tmt'),
  cfsctl: join(workspaceRoot, 'target/tools/bin/cfsctl'),
  legacyDisk: join(workspaceRoot, 'packages/bootc/legacy-disk.ts'),
  bundledBcvk: join(workspaceRoot, 'packages/bcvk/src/main.ts'),
} as const;

/** Where the pinned tools are: node, just and the checkers; tmt and virt-fw-vars; cfsctl. */
export const toolFolders: readonly string[] = [
  join(workspaceRoot, 'node_modules/.bin'),
  // This package links no command; it is there for some processors only.
  join(workspaceRoot, `node_modules/rust-just-${process.platform}-${process.arch}/bin`),
  join(workspaceRoot, 'target/tools/venv/bin'),
  join(workspaceRoot, 'target/tools/bin'),
];
