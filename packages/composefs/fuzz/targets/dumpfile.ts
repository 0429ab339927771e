import { readdirSync, readFileSync } from 'node:fs';
import { parseDumpfile } from '../../src/dumpfile/parse-dumpfile.ts';
import { writeDumpfile } from '../../src/dumpfile/write-dumpfile.ts';
import { writeImage } from '../../src/erofs/write-image.ts';
import type { FuzzTarget } from './target.ts';

const folder = new URL('../../vectors/dumpfiles/', import.meta.url);
const algorithm = 'sha256';

/** Dumpfiles. What is accepted is written in a form that is read as the same, and makes an image or is refused. */
export const dumpfile: FuzzTarget = {
  async makeCorpus() {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.sha256.dump'))
      .map((name) => readFileSync(new URL(name, folder)))
      .filter((text) => text.length < 32 * 1024);
  },
  parse(input) {
    const root = parseDumpfile(input, { algorithm });
    const written = writeDumpfile(root);
    // The writer prints a time before 1970, or after 2^63, with a sign, which no reader takes.
    if (/^\S+ \d+ \d+ \d+ \d+ \d+ \d+ -/m.test(written)) return;
    const again = writeDumpfile(parseDumpfile(written, { algorithm }));
    if (again !== written) throw new Error('what was written is read as something else');
    writeImage(root, { format: 1, algorithm });
  },
  refusals: ['DUMPFILE_INVALID', 'VERITY_DIGEST', 'EROFS_LIMIT'],
};
