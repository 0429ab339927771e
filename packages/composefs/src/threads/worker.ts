/**
 * What runs on a thread that stores objects: hashing, and the calls of the file system, which the main thread then need not
 * wait for. It does one task after the other.
 */
import { closeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { CodedError } from '@workbench/run';
import { openLayerFile } from '../containers-storage/layer-files.ts';
import type { FileRequest } from '../containers-storage/layer-store.ts';
import { createTransfer, type Transfer } from '../containers-storage/transfer.ts';
import { observeMutations } from '../durable/seam.ts';
import { computeFileVerity } from '../fsverity/digest.ts';
import { examineObject } from '../repository/examine-object.ts';
import type { Stored } from '../repository/layer-builder.ts';
import type { Repository } from '../repository/repository.ts';
import { storeFile } from '../repository/store-file.ts';
import { createObjectWriter, type ObjectWriter, storeObject } from '../repository/store-object.ts';
import {
  type Answer,
  type Failure,
  type FileList,
  type Outcome,
  type Task,
  type ThreadSetup,
  verdicts,
} from './messages.ts';

const port = parentPort as NonNullable<typeof parentPort>;
const setup = workerData as ThreadSetup;
// The lock is the main thread's, and so are the links.
const repository: Repository = {
  ...setup.repository,
  erofsFormats: { default: 1, extra: [] },
  isReadOnly: false,
  suspects: new Set(),
  [Symbol.asyncDispose]: async () => {},
};

class StoppedByMain extends Error {}

const { verdict } = setup;
if (verdict !== undefined) {
  observeMutations((mutation) => {
    Atomics.store(verdict, 0, verdicts.undecided);
    send({ kind: 'mutation', mutation });
    Atomics.wait(verdict, 0, verdicts.undecided);
    if (Atomics.load(verdict, 0) === verdicts.stop) throw new StoppedByMain(mutation.name);
  });
}

let transfer: Transfer | undefined;
const writers = new Map<number, { writer: ObjectWriter } | { failure: Failure }>();

let last: Promise<void> = Promise.resolve();
port.on('message', (task: Task) => {
  last = last.then(async () => send({ kind: 'done', id: task.id, outcomes: await perform(task) }));
});

function send(answer: Answer): void {
  port.postMessage(answer);
}

async function perform(task: Task): Promise<Outcome[]> {
  switch (task.kind) {
    case 'contents': {
      let at = 0;
      const stored = task.sizes.map((size) => {
        const content = task.memory.subarray(at, at + size);
        at += size;
        return attempt(async () => copied(await storeObject(repository, content)));
      });
      return Promise.all(stored);
    }
    case 'files':
      transfer ??= createTransfer(repository, task.choices);
      for (const [device, method] of task.choices.methods) {
        if (!transfer.choices.methods.has(device)) transfer.choices.methods.set(device, method);
      }
      return Promise.all(task.files.map((file) => attempt(() => storeLayerFile(transfer as Transfer, file))));
    case 'part':
      return takePart(task);
    case 'examine':
      return task.objects.map((file) => ({ problem: examineObject(repository, file) }));
    case 'digest':
      return Promise.all(
        task.paths.map((path) =>
          attempt(async () => ({ digest: computeFileVerity(Buffer.from(path), repository.algorithm) })),
        ),
      );
    case 'store':
      return storeFiles(task);
  }
}

// One after the other, since all at once would hold that many open.
async function storeFiles({ paths, sizes }: FileList): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const [i, path] of paths.entries()) {
    const sizeBytes = sizes[i] as number;
    outcomes.push(await attempt(async () => ({ digest: await storeFile(repository, Buffer.from(path), sizeBytes) })));
  }
  return outcomes;
}

async function storeLayerFile(through: Transfer, { folders, path, sizeBytes, checksum }: FileRequest): Promise<Stored> {
  const opened = openLayerFile(folders, path, sizeBytes);
  try {
    return await through.store({ ...opened, checksum });
  } finally {
    closeSync(opened.fd);
  }
}

async function takePart({ content, part, sizeBytes, end }: Task & { kind: 'part' }): Promise<Outcome[]> {
  let state = writers.get(content);
  try {
    state ??= { writer: createObjectWriter(repository, sizeBytes) };
    if ('writer' in state) {
      if (end === 'abandoned') state.writer.abandon();
      else state.writer.write(part);
    }
  } catch (error) {
    state = { failure: describeFailure(error) };
  }
  if (end === 'no') {
    writers.set(content, state);
    return [];
  }
  writers.delete(content);
  if (end === 'abandoned') return [];
  const { ...ended } = state;
  if ('failure' in ended) return [ended];
  return [await attempt(async () => copied(await ended.writer.finish()))];
}

function copied(object: Stored['object']): Stored {
  return { object, origin: 'copied' };
}

async function attempt(act: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await act();
  } catch (error) {
    return { failure: describeFailure(error) };
  }
}

function describeFailure(error: unknown): Failure {
  const known = error instanceof Error ? (error as Error & { code?: string; hint?: string }) : undefined;
  return {
    message: known?.message ?? String(error),
    code: known?.code,
    hint: known?.hint,
    isCoded: error instanceof CodedError,
    isStop: error instanceof StoppedByMain,
  };
}
