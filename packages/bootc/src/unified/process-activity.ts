import { readFile } from 'node:fs/promises';
import { listOptionalDirectory, readOptionalText } from '../storage/optional-file.ts';

/**
 * Bytes that a process and its descendants have read and written until now, over the network too; undefined when it is
 * gone. One that stands still does neither (proc(5), /proc/pid/io).
 */
export async function readProcessActivity(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/io`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const own = [...text.matchAll(/^[rw]char: (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
  const children = await Promise.all((await childrenOf(pid)).map(readProcessActivity));
  return children.reduce<number>((sum, bytes) => sum + (bytes ?? 0), own);
}

async function childrenOf(pid: number): Promise<number[]> {
  const threads = await listOptionalDirectory(`/proc/${pid}/task`).catch(() => []);
  const texts = await Promise.all(
    threads.map((thread) => readOptionalText(`/proc/${pid}/task/${thread}/children`).catch(() => undefined)),
  );
  return texts.flatMap((text) =>
    (text ?? '')
      .split(' ')
      .filter((word) => word !== '')
      .map(Number),
  );
}
