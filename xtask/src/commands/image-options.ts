import { CodedError } from '@workbench/run';
import type { BuildOptions } from '../image/build.ts';
import { formatCell } from '../matrix/cell.ts';
import { isBuiltHere } from '../matrix/image-arguments.ts';
import type { Settings } from '../settings/load-settings.ts';

/**
 * What the settings say about the image to build.
 *
 * @throws CodedError CELL_NOT_BUILT_HERE for a cell whose image the Containerfile does not make: another image would be
 * tested under its name.
 */
export function imageOptions(settings: Settings): Pick<BuildOptions, 'base' | 'cell'> {
  const { cell, variables } = settings;
  if (!isBuiltHere(cell)) {
    throw new CodedError('CELL_NOT_BUILT_HERE', `images/Containerfile makes no image for ${formatCell(cell)}`, {
      hint: 'it makes composefs images; `xtask run-tmt IMAGE` tests an image made elsewhere',
    });
  }
  return { base: variables.get('BOOTC_base')?.value, cell };
}
