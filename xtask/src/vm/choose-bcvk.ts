import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { CodedError } from '@workbench/run';
import type { BcvkProgram, HostStatus } from './bcvk-client.ts';

/** What the choice depends on. */
export interface BcvkChoiceInput {
  /** The value of `BOOTC_bcvk`: `system`, `bundled`, a file, or undefined. */
  setting: string | undefined;
  /** A `bcvk` found on PATH. */
  onPath: string | undefined;
  /** How the bundled bcvk is started. */
  bundled: readonly [string, ...string[]];
  /** Whether KVM really boots a guest here; asked only when the choice depends on it. */
  hostStatus: () => Promise<HostStatus>;
}

/**
 * Chooses the bcvk to use: the one that is asked for, else the real one where it is installed and KVM really boots a
 * guest (it knows nothing but KVM), else the bundled one.
 *
 * @throws CodedError BCVK_NOT_FOUND when what was asked for is not there.
 */
export async function chooseBcvk(input: BcvkChoiceInput): Promise<BcvkProgram> {
  const { setting, onPath, bundled } = input;
  if (setting === 'bundled') return { argv: bundled, kind: 'bundled', why: 'BOOTC_bcvk=bundled' };
  if (setting === 'system') {
    if (onPath !== undefined) return { argv: [onPath], kind: 'system', why: 'BOOTC_bcvk=system' };
    throw new CodedError('BCVK_NOT_FOUND', 'BOOTC_bcvk=system, but there is no bcvk on PATH', {
      hint: 'install bcvk, or unset BOOTC_bcvk to use the bundled one',
    });
  }
  if (setting !== undefined) {
    const file = resolve(setting);
    if (!(await isExecutable(file))) {
      throw new CodedError('BCVK_NOT_FOUND', `BOOTC_bcvk=${setting} is neither system, bundled, nor a program`, {
        hint: `give the path of a bcvk that can be executed (looked for ${file})`,
      });
    }
    return { argv: [file], kind: 'file', why: `BOOTC_bcvk=${setting}` };
  }
  if (onPath === undefined) return { argv: bundled, kind: 'bundled', why: 'no bcvk on PATH' };
  const { accel, accel_reason: reason } = await input.hostStatus();
  if (accel === 'kvm') return { argv: [onPath], kind: 'system', why: `${onPath} is installed and KVM boots a guest` };
  const because = reason === undefined ? '' : `: ${reason}`;
  return { argv: bundled, kind: 'bundled', why: `${onPath} is installed, but KVM boots no guest here${because}` };
}

/** The first program of that name in the folders of PATH. */
export async function findOnPath(name: string, path: string = process.env.PATH ?? ''): Promise<string | undefined> {
  for (const folder of path.split(delimiter)) {
    if (folder !== '' && (await isExecutable(join(folder, name)))) return join(folder, name);
  }
  return undefined;
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
