import { workspace } from '../settings/workspace.ts';
import { BcvkClient, type BcvkProgram } from './bcvk-client.ts';
import { chooseBcvk, findOnPath } from './choose-bcvk.ts';

/**
 * A client of the bcvk to use on this machine.
 *
 * @param setting the value of BOOTC_bcvk, if it is set.
 * @param bundled how the bundled one is started.
 * @throws CodedError BCVK_NOT_FOUND when what was asked for is not there.
 */
export async function openBcvk(
  setting: string | undefined,
  bundled: BcvkProgram['argv'] = [process.execPath, workspace.bundledBcvk],
): Promise<BcvkClient> {
  const program = await chooseBcvk({
    setting,
    onPath: await findOnPath('bcvk'),
    bundled,
    hostStatus: () =>
      new BcvkClient({ argv: bundled, kind: 'bundled', why: 'to ask how guests run here' }).hostStatus(),
  });
  return new BcvkClient(program);
}
