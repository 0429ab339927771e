import { access } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { CodedError } from '@workbench/run';
import { bcvkOptions, isSealed } from '../matrix/bcvk-options.ts';
import type { Cell } from '../matrix/cell.ts';
import { badSettings } from '../matrix/resolve.ts';
import type { SettingProblem } from '../matrix/variables.ts';
import type { ProfileFile } from '../profiles/profile-schema.ts';
import type { Settings } from './load-settings.ts';
import { workspace, workspaceRoot } from './workspace.ts';

/** What the command line of a verb that starts VMs says beside the cell. */
export interface TestWishes {
  /** The image under test, as podman names it. */
  image: string;
  /** A plan runs when its name contains one of these; a whole name means that plan alone. Empty: those of the profile; none there either: all. */
  filters?: readonly string[];
  /** Only the tests whose names contain one of these, and plans that have one. */
  tests?: readonly string[];
  /** `KEY=VALUE` each. */
  contexts?: readonly string[];
  /** `KEY=VALUE` each. */
  environment?: readonly string[];
  upgradeImage?: string | undefined;
  preserveVm?: boolean | undefined;
  snapshot?: boolean | undefined;
  kernelArguments?: readonly string[];
  allowMissingFsverity?: boolean | undefined;
  logDir?: string | undefined;
  /** Digits; how many plans may run at the same time. */
  parallel?: string | undefined;
}

/** Everything that running plans, or providing one VM, needs to know. Nothing in it is left to be looked up. */
export interface TestRequest {
  readonly image: string;
  readonly filters: readonly string[];
  /** Only the tests whose names contain one of these, and plans that have one; empty: all. */
  readonly tests: readonly string[];
  readonly cell: Cell;
  /** Options of `bcvk libvirt run` for cell, firmware, kernel arguments and resources. */
  readonly bcvkOptions: readonly string[];
  /** `system`, `bundled`, or a file; undefined: chosen by looking at the machine. */
  readonly bcvk: string | undefined;
  readonly contexts: Readonly<Record<string, string>>;
  /** Goes into the environment of every test in the guest. */
  readonly environment: Readonly<Record<string, string>>;
  readonly upgradeImage: string | undefined;
  readonly preserveVm: boolean;
  /** Whether the VMs of plans go on from the snapshot of the first of their kind. */
  readonly snapshot: boolean;
  /** Where logs go; undefined: a new folder of target/runs. */
  readonly logDir: string | undefined;
  readonly timeouts: NonNullable<ProfileFile['timeouts']>;
  /** How often a plan is tried again after a failure of the infrastructure. */
  readonly retries: number;
  /** How many plans run at the same time; undefined: as many as this machine carries. */
  readonly parallel: number | undefined;
}

/**
 * Joins settings, VM profile and command line into a request. Pure.
 *
 * @throws CodedError BAD_SETTING (exit code 2) for a context or environment value that is not KEY=VALUE.
 */
export function testRequest(settings: Settings, wishes: TestWishes): TestRequest {
  const { profile } = settings;
  const problems: SettingProblem[] = [];
  const contexts = keyValues('--context', wishes.contexts ?? [], problems);
  const environment = keyValues('--env', wishes.environment ?? [], problems);
  const retries = settings.variables.get('BOOTC_CI_RETRIES');
  const numbers = {
    retries: wholeNumber({ where: retries?.from ?? '', word: retries?.value, from: 0 }, problems) ?? 0,
    parallel: wholeNumber({ where: '--parallel', word: wishes.parallel, from: 1 }, problems),
  };
  if (problems.length > 0) throw badSettings(problems);
  const allowMissingFsverity = wishes.allowMissingFsverity ?? profile.allow_missing_fsverity ?? false;
  return {
    image: wishes.image,
    filters: wishes.filters?.length ? wishes.filters : (profile.plans ?? []),
    tests: wishes.tests ?? [],
    cell: settings.cell,
    bcvkOptions: [
      ...bcvkOptions(settings.cell, {
        secureBootKeysDir: workspace.secureBootKeys,
        allowMissingFsverity,
        kernelArguments: [...(profile.kernel_arguments ?? []), ...(wishes.kernelArguments ?? [])],
      }),
      ...resourceOptions(profile.resources ?? {}),
    ],
    bcvk: settings.variables.get('BOOTC_bcvk')?.value,
    contexts,
    environment: { ...settings.testVariables, ...environment },
    upgradeImage: wishes.upgradeImage ?? settings.variables.get('BOOTC_upgrade_image')?.value,
    preserveVm: wishes.preserveVm ?? false,
    snapshot: wishes.snapshot ?? false,
    logDir: wishes.logDir,
    timeouts: profile.timeouts ?? {},
    ...numbers,
  };
}

/**
 * Refuses a sealed cell as long as there are no keys to enrol in its firmware.
 *
 * @throws CodedError SECURE_BOOT_KEYS_MISSING that names the recipe.
 */
export async function requireSecureBootKeys(cell: Cell, folder = workspace.secureBootKeys): Promise<void> {
  if (!isSealed(cell)) return;
  const missing: string[] = [];
  for (const file of ['PK.crt', 'KEK.crt', 'db.crt', 'db.key', 'GUID.txt']) {
    await access(join(folder, file)).catch(() => missing.push(file));
  }
  if (missing.length === 0) return;
  throw new CodedError(
    'SECURE_BOOT_KEYS_MISSING',
    `a sealed cell needs Secure Boot keys; ${relative(workspaceRoot, folder)} lacks ${missing.join(', ')}`,
    { hint: 'just generate-secureboot-keys' },
  );
}

function resourceOptions(resources: NonNullable<ProfileFile['resources']>): string[] {
  const { memory, vcpus, disk_size: diskSize } = resources;
  return [
    ...(memory === undefined ? [] : [`--memory=${memory}`]),
    ...(vcpus === undefined ? [] : [`--cpus=${vcpus}`]),
    ...(diskSize === undefined ? [] : [`--disk-size=${diskSize}`]),
  ];
}

function wholeNumber(
  { where, word, from }: { where: string; word: string | undefined; from: number },
  problems: SettingProblem[],
): number | undefined {
  if (word === undefined) return undefined;
  if (/^\d{1,2}$/.test(word) && Number(word) >= from) return Number(word);
  problems.push({ where, what: `'${word}' is no whole number from ${from} to 99` });
  return undefined;
}

function keyValues(option: string, words: readonly string[], problems: SettingProblem[]): Record<string, string> {
  const values: Record<string, string> = {};
  for (const word of words) {
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(word) ?? [];
    if (key === undefined || value === undefined) problems.push({ where: option, what: `'${word}' is not KEY=VALUE` });
    else values[key] = value;
  }
  return values;
}
