import { CodedError } from '@workbench/run';
import { z } from 'zod';

/** One line of what podman answers to a pull (libpod API, `POST /libpod/images/pull`); every field may be missing. */
const eventSchema = z.looseObject({
  status: z.string().nullish(),
  stream: z.string().nullish(),
  error: z.string().nullish(),
  images: z.array(z.string()).nullish(),
  id: z.string().nullish(),
  pullProgress: z
    .looseObject({
      status: z.string().nullish(),
      current: z.number().nullish(),
      total: z.number().nullish(),
      progressComponentID: z.string().nullish(),
    })
    .nullish(),
});
export type PullEvent = z.infer<typeof eventSchema>;

/**
 * Reads one line of the answer; undefined for a blank one.
 *
 * @throws CodedError `PULL_ANSWER_INVALID`.
 */
export function parsePullEvent(line: string): PullEvent | undefined {
  if (line.trim() === '') return undefined;
  try {
    return eventSchema.parse(JSON.parse(line));
  } catch (cause) {
    throw new CodedError('PULL_ANSWER_INVALID', `podman answered what is no JSON of a pull: ${line.slice(0, 200)}`, {
      hint: 'check which program podman is: podman --version',
      cause,
    });
  }
}

/** Splits a stream of bytes into lines; the last one counts without its newline too. */
export async function* readLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() as string;
    yield* lines;
  }
  if (rest !== '') yield rest;
}
