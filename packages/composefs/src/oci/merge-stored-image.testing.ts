import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import {
  addImage,
  addLayer,
  type MadeLayer,
  type MadeStore,
  makeStore,
} from '../containers-storage/make-store.testing.ts';
import { checkRepository } from '../repository/check.ts';
import { initRepository } from '../repository/init-repository.ts';
import { measureSharing } from '../repository/measure-sharing.ts';
import { openRepository } from '../repository/repository.ts';
import type { MadeEntry } from '../tar/make-tar.testing.ts';
import { importImage } from './import-image.ts';
import { type MergedImage, type MergeOptions, mergeStoredImage } from './merge-stored-image.ts';

/** What is in the layer that the repository and container storage both have. */
export const contents = { large: randomBytes(20_000_001), middle: randomBytes(50_000), tiny: 'tiny '.repeat(20) };
const entries: MadeEntry[] = [
  { name: 'usr/', type: 'dir', mode: '755' },
  { name: 'usr/large', type: 'file', content: contents.large, mode: '4755' },
  { name: 'usr/middle', type: 'file', content: contents.middle },
  { name: 'usr/again', type: 'file', content: contents.middle },
  { name: 'usr/tiny', type: 'file', content: contents.tiny },
  { name: 'usr/inline', type: 'file', content: 'inline' },
];

/** Container storage, and a repository that has the lower of the two layers of its image `os` from elsewhere. */
export interface TwoCopies {
  store: MadeStore;
  base: MadeLayer;
  /** Folder of the repository. */
  repository: string;
}

/** Makes both in a folder, which is emptied before. */
export async function makeTwoCopies(folder: string): Promise<TwoCopies> {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
  const elsewhere = makeStore(join(folder, 'elsewhere'));
  addImage(elsewhere, ['base:latest'], [addLayer(elsewhere, entries)]);
  const repository = join(folder, 'repository');
  {
    await using made = await initRepository(repository, {
      algorithm: 'sha512',
      verity: 'if-supported',
      erofsFormats: { default: 1 },
    });
    const options = { bootable: false, tag: 'base', storageRoots: [elsewhere.root], threads: 0 };
    await importImage(made, 'containers-storage:base', options);
  }
  rmSync(elsewhere.root, { recursive: true });
  const store = makeStore(join(folder, 'storage'));
  const base = addLayer(store, entries);
  const top = addLayer(store, [{ name: 'usr/new', type: 'file', content: 'new '.repeat(1000) }], [base]);
  addImage(store, ['os:latest'], [base, top]);
  expect(sharedPart(repository)).toBe(0);
  return { store, base, repository };
}

/** Merges the two. */
export async function merge(at: TwoCopies, options: Omit<MergeOptions, 'storageRoots'> = {}): Promise<MergedImage> {
  await using repository = await openRepository(at.repository);
  return await mergeStoredImage(repository, 'os', { storageRoots: [at.store.root], ...options });
}

/** Which part of the bytes of all objects is shared, from 0 to 1. */
export function sharedPart(repository: string): number {
  const { bytes, hardlinkedBytes, reflinkedBytes } = measureSharing(repository);
  return (hardlinkedBytes + reflinkedBytes) / bytes;
}

/** Path of a file of the lower layer in container storage. */
export function layerFile({ store, base }: TwoCopies, name: string): string {
  return join(store.root, 'overlay', base.id, 'diff', name);
}

/** Path of the object with that many bytes. */
export function objectOf(repository: string, sizeBytes: number): string {
  const found = readdirSync(join(repository, 'objects'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .find((path) => statSync(path).size === sizeBytes);
  return found as string;
}

/** Expects that neither has lost anything. */
export async function expectWhole(at: TwoCopies): Promise<void> {
  await using repository = await openRepository(at.repository);
  expect(await checkRepository(repository)).toMatchObject({ ok: true, errors: [] });
  for (const { name, content } of entries) {
    if (content !== undefined) expect(readFileSync(layerFile(at, name)).equals(Buffer.from(content)), name).toBe(true);
  }
}
