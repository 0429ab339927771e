import { relative } from 'node:path';
import { workspace, workspaceRoot } from '../settings/workspace.ts';
import type { BcvkProgram } from '../vm/bcvk-client.ts';
import { chooseBcvk, findOnPath } from '../vm/choose-bcvk.ts';

/** The bcvk that a run would use, as far as one can say without booting a guest. */
export interface PlannedBcvk {
  readonly argv: readonly string[];
  readonly kind: BcvkProgram['kind'];
  readonly why: string;
}

/**
 * Says which bcvk a run would use.
 *
 * @param setting the value of BOOTC_bcvk, if it is set.
 * @throws CodedError BCVK_NOT_FOUND when what was asked for is not there.
 */
export async function plannedBcvk(setting: string | undefined): Promise<PlannedBcvk> {
  const onPath = await findOnPath('bcvk');
  if (setting === undefined && onPath !== undefined) {
    const why = `${onPath} if KVM boots a guest here, which a run tries; else the bundled one`;
    return { argv: [onPath], kind: 'system', why };
  }
  return chooseBcvk({
    setting,
    onPath,
    bundled: ['node', relative(workspaceRoot, workspace.bundledBcvk)],
    hostStatus: () => Promise.reject(new Error('not asked for while a choice does not depend on it')),
  });
}
