import { z } from 'zod';
import { hostDocument } from '../status/host-document.ts';
import { progressLine } from './progress-document.ts';

const documents = { host: hostDocument, progress: progressLine } as const;

/**
 * The JSON schema (draft 2020-12) of what this program prints: `host` is the status document, `progress` one line of `--progress-fd`.
 * It is made of what the types of both are made of. Members that it does not name may come with later versions.
 */
export function formatJsonSchema(of: keyof typeof documents): string {
  return `${JSON.stringify(z.toJSONSchema(documents[of], { io: 'input' }), undefined, 2)}\n`;
}
