import { axes, axisList, axisVariable } from './cell.ts';

/** Where a value was set. */
export type SourceKind = 'command line' | 'environment' | '.env' | 'profile' | 'default';

/** A value and where it comes from. */
export interface Sourced<T> {
  readonly value: T;
  readonly kind: SourceKind;
  /** The exact place, for people: `--filesystem`, `BOOTC_filesystem`, `.env: BOOTC_filesystem`, `FILE:3:5`. */
  readonly from: string;
}

/** One thing that is wrong with the settings. */
export interface SettingProblem {
  readonly where: string;
  readonly what: string;
  readonly suggestion?: string | undefined;
}

/**
 * Every variable of the environment that the harness reads, beside those of the matrix axes. A name that starts with
 * `BOOTC_` and is in neither table is an error.
 */
export const otherVariables: Readonly<Record<string, string>> = {
  BOOTC_base: 'base image to build on; default: a Debian base made from packages',
  BOOTC_BASE_IMAGE: 'image of the development VM; default: BOOTC_base, else localhost/bootc',
  BOOTC_bcvk: 'which bcvk to use: system, bundled, or a file; default: chosen by looking at the machine',
  BOOTC_upgrade_image: 'images that upgrade plans move to, without a tag; they have the tags 1 and 2',
  BOOTC_profile: 'VM profile to use where --profile is not given',
  BOOTC_CI_RETRIES: 'how often a plan is tried again after a failure of the infrastructure; default: 0',
  BOOTC_CI_DELAY: 'taken for the sake of scripts written for bootc’s own recipes; changes nothing here',
  BOOTC_SKIP_PACKAGE: 'taken for the sake of scripts written for bootc’s own recipes; changes nothing here',
};

/** Variables with this start are handed to the tests in the guest as they are. */
export const testVariablePrefix = 'BOOTC_test_';

const prefix = 'BOOTC_';

/** Every known variable with its description, for help and documentation. */
export function knownVariables(): ReadonlyMap<string, string> {
  return new Map([
    ...axisList.map((axis) => [axisVariable(axis), axes[axis].description] as const),
    ...Object.entries(otherVariables),
  ]);
}

/** Whether a variable belongs to the harness at all. */
export function isOurVariable(name: string): boolean {
  return name.startsWith(prefix);
}

/** Whether a variable is meant for the tests in the guest. */
export function isTestVariable(name: string): boolean {
  return name.startsWith(testVariablePrefix);
}
