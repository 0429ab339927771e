import { z } from 'zod';

const count = z.int().nonnegative();

const subtask = z
  .object({
    subtask: z.string(),
    description: z.string().describe('For people'),
    id: z.string(),
    bytesCached: count,
    bytes: count,
    bytesTotal: count,
  })
  .describe('What is being worked on');

/** One line of what `--progress-fd` writes. */
export const progressLine = z
  .discriminatedUnion('type', [
    z.object({ type: z.literal('Start'), version: z.string() }).describe('The first line: the version of the lines'),
    z
      .object({
        type: z.literal('ProgressBytes'),
        task: z.string(),
        description: z.string().describe('For people'),
        id: z.string(),
        bytesCached: count.describe('That were there before'),
        bytes: count.describe('That have been fetched'),
        bytesTotal: count,
        stepsCached: count.describe('Layers that were there before'),
        steps: count.describe('Layers that are done'),
        stepsTotal: count,
        subtasks: z.array(subtask),
      })
      .describe('How far the import of an image is'),
  ])
  .describe('One line of the progress of bootc');

/** A line as a value. */
export type ProgressLine = z.infer<typeof progressLine>;
