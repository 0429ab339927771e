import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CodedError } from '@workbench/run';

/** The real cfsctl, which interop tests compare with. @throws CodedError `TOOL_MISSING` that says how to install it. */
export function findCfsctl(): string {
  const installed = fileURLToPath(new URL('../../../../target/tools/bin/cfsctl', import.meta.url));
  if (existsSync(installed)) return installed;
  throw new CodedError('TOOL_MISSING', `${installed} is missing`, {
    hint: 'cargo install --root target/tools composefs-ctl@0.9.4',
  });
}
