import { join } from 'node:path';
import { readOptionalText } from './optional-file.ts';

/** The id of this boot (random(4)); empty where the system does not tell. */
export async function readBootId(root: string): Promise<string> {
  return ((await readOptionalText(join(root, 'proc/sys/kernel/random/boot_id'))) ?? '').trim();
}
