import { mkdtempSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readStream } from 'node:stream/consumers';
import { removeTree, replaceFile } from '@workbench/composefs';
import { CodedError, run } from '@workbench/run';
import { parse } from 'yaml';
import { z } from 'zod';
import { imageTransports, type OriginReference, type SignatureSource } from '../deployment/image-reference.ts';
import { formatYaml } from '../deployment/yaml-text.ts';
import type { HostDocument, ImageReferenceDocument } from '../status/host-document.ts';
import { readHostDocument } from '../status/show-status.ts';

/** What a new specification asks for. */
export type EditPlan = { kind: 'nothing' } | { kind: 'rollback' } | { kind: 'switch'; target: OriginReference };

const imageSchema = z.strictObject({
  image: z.string().min(1),
  transport: z.enum(imageTransports),
  signature: z
    .union([z.enum(['containerPolicy', 'insecure']), z.strictObject({ ostreeRemote: z.string() })])
    .optional(),
});

// Whatever else status tells may stand in the document; only the specification counts.
const documentSchema = z.looseObject({
  apiVersion: z.literal('org.containers.bootc/v1'),
  kind: z.literal('BootcHost'),
  spec: z.strictObject({
    image: imageSchema.nullish(),
    bootOrder: z.enum(['default', 'rollback']).default('default'),
  }),
});

/**
 * Compares an edited document, as YAML or JSON, with the present one.
 *
 * @throws CodedError `HOST_DOCUMENT_INVALID` that tells all that is wrong; `EDIT_INVALID` for changes that cannot be made, or
 * not at once.
 */
export function planEdit(current: HostDocument, editedText: string): EditPlan {
  const { image, bootOrder } = parseDocument(editedText).spec;
  const isOtherOrder = bootOrder !== current.spec.bootOrder;
  const isOtherImage = JSON.stringify(normalize(image)) !== JSON.stringify(normalize(current.spec.image));
  if (isOtherOrder && isOtherImage) {
    throw refusal('boot order and image cannot be changed at once', 'change the one, then the other');
  }
  if (isOtherOrder) return { kind: 'rollback' };
  if (!isOtherImage) return { kind: 'nothing' };
  if (image === null || image === undefined) {
    throw refusal('No image source specified', 'a system follows an image for ever; name another one');
  }
  const signature: SignatureSource =
    image.signature === undefined || image.signature === 'insecure' ? 'unverified' : image.signature;
  return { kind: 'switch', target: { image: image.image, transport: image.transport, signature } };
}

function normalize(image: Partial<z.infer<typeof imageSchema>> | ImageReferenceDocument | null | undefined) {
  if (image === null || image === undefined) return null;
  const signature = image.signature === 'insecure' ? undefined : image.signature;
  return { image: image.image, transport: image.transport, signature };
}

function parseDocument(text: string): z.infer<typeof documentSchema> {
  const invalid = (why: string, cause?: unknown): CodedError =>
    new CodedError('HOST_DOCUMENT_INVALID', `the specification of the host cannot be used: ${why}`, {
      hint: 'bootc status --format=yaml prints the present one',
      cause,
    });
  let data: unknown;
  try {
    data = parse(text);
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message.split('\n')[0]! : 'it is no YAML', cause);
  }
  const result = documentSchema.safeParse(data);
  if (result.success) return result.data;
  throw invalid(
    result.error.issues.map(({ path, message }) => `${path.join('.') || 'document'}: ${message}`).join('; '),
  );
}

function refusal(why: string, hint: string): CodedError {
  return new CodedError('EDIT_INVALID', `Invalid state transition: ${why}`, { hint });
}

/** What `bootc edit` is told. */
export interface EditOptions {
  /** A file, or `-` for standard input; without it an editor is opened if there is a terminal. */
  fileName: string | undefined;
  isQuiet: boolean;
}

/** `bootc edit`: changes the booted system to a new specification. */
export async function runEdit(options: EditOptions): Promise<void> {
  const current = await readHostDocument();
  const plan = planEdit(current, await readEdited(options.fileName, current));
  if (plan.kind === 'nothing') {
    process.stdout.write('Edit cancelled, no changes made.\n');
    return;
  }
  if (plan.kind === 'rollback') {
    const { runRollback } = await import('./rollback.ts');
    await runRollback({ apply: false });
    return;
  }
  const { image: target, transport, signature } = plan.target;
  const { runSwitch } = await import('./run-update.ts');
  const { isQuiet } = options;
  await runSwitch({ target, transport, signature, isInPlace: false, isUnified: false, isQuiet, apply: false });
}

async function readEdited(fileName: string | undefined, current: HostDocument): Promise<string> {
  if (fileName !== undefined && fileName !== '-') return readFile(fileName, 'utf8');
  if (fileName === '-' || !process.stdin.isTTY) return readStream(process.stdin);
  const folder = mkdtempSync(join(tmpdir(), 'bootc-edit-'));
  try {
    await replaceFile(folder, 'host.yaml', formatYaml(current), { mode: 0o600 });
    const path = join(folder, 'host.yaml');
    const [editor = 'vi', ...args] = (process.env.VISUAL ?? process.env.EDITOR ?? 'vi').split(/\s+/);
    await run([editor, ...args, path], { step: 'edit the specification', stdio: 'inherit', timeoutMs: 24 * 3_600_000 });
    return await readFile(path, 'utf8');
  } finally {
    await removeTree(folder);
  }
}
