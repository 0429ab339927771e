import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { z } from 'zod';
import { runProgram } from '../cli/program.ts';
import { buildHostDocument } from '../status/build-host-document.ts';
import { formatDocument } from '../status/format-document.ts';
import { hostDocument } from '../status/host-document.ts';
import { makeFixtureInstallation, mockImageStore } from '../storage/mock-installation.ts';
import { buildRootModel } from '../storage/root-model.ts';
import { progressLine } from './progress-document.ts';
import { makeProgressLines } from './progress-lines.ts';

const fixtures = join(import.meta.dirname, '../../fixtures');

/** What `bootc` with these arguments prints. */
async function print(...args: string[]): Promise<string> {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  onTestFinished(() => write.mockRestore());
  expect(await runProgram(args)).toBe(0);
  const text = write.mock.calls.map(([part]) => String(part)).join('');
  write.mockRestore();
  return text;
}

/** A check by the printed schema alone. */
const printedSchema = async (of: 'host' | 'progress') =>
  z.fromJSONSchema(JSON.parse(await print('internals', 'print-json-schema', '--of', of)));

/** The documents of all captured systems, one of them with all that is told seldom. */
async function documents(): Promise<string[]> {
  const texts: string[] = [];
  for (const name of readdirSync(fixtures).filter((entry) => entry.startsWith('peer-'))) {
    const mock = makeFixtureInstallation(join(fixtures, name), mockImageStore({}));
    onTestFinished(() => rmSync(mock.directory, { recursive: true }));
    const model = await buildRootModel(mock);
    const signer = { subject: 'CN=test', fingerprint: 'ab' };
    const system = {
      mounts: [],
      isReadOnly: true,
      isSelinuxEnabled: false,
      secureBoot: 'enabled' as const,
      seals: new Map([...model.deployments.keys()].map((id) => [id, { sealed: true, signer }])),
    };
    const lastFinalize = {
      deploymentId: 'a',
      bootId: 'c',
      image: 'b',
      state: 'failed',
      time: 'now',
      message: 'why',
    } as const;
    const document = buildHostDocument({ ...model, lastFinalize, problems: ['odd'] }, system);
    texts.push(await formatDocument(document, { format: 'json', isVerbose: false }));
  }
  return texts;
}

test('what status prints is what the schema says, and nothing that it does not name', async () => {
  const schema = await printedSchema('host');
  const texts = [await print('status', '--json'), ...(await documents())];
  expect(texts.length).toBeGreaterThan(5);
  for (const text of texts) {
    const document = JSON.parse(text);
    expect(schema.safeParse(document).error).toBeUndefined();
    expect(hostDocument.parse(document)).toEqual(document);
  }
});

test('so is what the other bootc prints', async () => {
  const schema = await printedSchema('host');
  for (const name of readdirSync(fixtures).filter((entry) => entry.startsWith('peer-new-'))) {
    const document = JSON.parse(readFileSync(join(fixtures, name, 'status.json'), 'utf8'));
    expect(schema.safeParse(document).error).toBeUndefined();
  }
});

test('so are the lines of progress', async () => {
  const schema = await printedSchema('progress');
  const lines: string[] = [];
  const progress = makeProgressLines({ write: (line) => void lines.push(line), now: () => 0 });
  progress.report({ phase: 'layers', bytesDone: 10, bytesTotal: 100, layersDone: 0, layersTotal: 2 });
  progress.report({ phase: 'images', bytesDone: 100, bytesTotal: 100, layersDone: 2, layersTotal: 2 });
  expect(lines).toHaveLength(3);
  for (const line of lines) {
    const value = JSON.parse(line);
    expect(schema.safeParse(value).error).toBeUndefined();
    expect(progressLine.parse(value)).toEqual(value);
  }
});

test('other documents are not, but those of later versions are', async () => {
  const schema = await printedSchema('host');
  const document = JSON.parse((await documents())[0]!);
  expect(schema.safeParse({ ...document, more: 1 }).success).toBe(true);
  expect(schema.safeParse({ ...document, status: { ...document.status, booted: undefined } }).success).toBe(false);
  expect(schema.safeParse({ ...document, kind: 'other' }).success).toBe(false);
  expect((await printedSchema('progress')).safeParse({ type: 'Start' }).success).toBe(false);
});
