import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { matrixPage } from './matrix-page.ts';
import type { MatrixState } from './matrix-state.ts';
import { matrixTable } from './matrix-table.ts';

/** The file of a matrix's folder that {@link readMatrixState} reads. */
export const stateFileName = 'state.json';

/** Writes what is known of a matrix into its folder: state.json, table.txt and report.html, each whole or not at all. */
export function keepMatrix(folder: string, state: MatrixState): void {
  mkdirSync(folder, { recursive: true });
  const write = (name: string, text: string): void => {
    const file = join(folder, name);
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };
  write(stateFileName, `${JSON.stringify(state, undefined, 2)}\n`);
  write('table.txt', `${matrixTable(state)}\n`);
  write('report.html', matrixPage(state, folder));
}
