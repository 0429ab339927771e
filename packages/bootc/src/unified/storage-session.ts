import { syncFilesystem } from '@workbench/composefs';
import { type BootedStorage, openBootedStorage } from '../storage/booted-storage.ts';
import { lockOperations } from '../storage/operation-lock.ts';
import { type ContainerStorage, createContainerStorage } from './container-storage.ts';

/** The container storage of the running system, opened to be changed. */
export interface StorageSession {
  booted: BootedStorage;
  storage: ContainerStorage;
}

/**
 * Works on the container storage of the running system, which is made if there is none, while no other verb changes the
 * system. After it resolves, everything is on disk.
 */
export async function changeContainerStorage<T>(use: (session: StorageSession) => Promise<T>): Promise<T> {
  using _lock = await lockOperations('/');
  return await openAndUse(use);
}

/**
 * Works on it as {@link changeContainerStorage}, but lets other verbs go on: for what takes long and concerns no deployment,
 * such as building. Podman has locks of its own.
 */
export async function useContainerStorage<T>(use: (session: StorageSession) => Promise<T>): Promise<T> {
  const lock = await lockOperations('/');
  let isLocked = true;
  const unlock = (): void => {
    if (isLocked) lock[Symbol.dispose]();
    isLocked = false;
  };
  try {
    return await openAndUse((session) => {
      unlock();
      return use(session);
    });
  } finally {
    unlock();
  }
}

async function openAndUse<T>(use: (session: StorageSession) => Promise<T>): Promise<T> {
  await using booted = await openBootedStorage('write');
  const storage = await createContainerStorage(booted.physicalRoot, { warn });
  const result = await use({ booted, storage });
  await syncFilesystem(storage.path);
  return result;
}

/** Says something odd on standard error. */
export function warn(line: string): void {
  process.stderr.write(`warning: ${line}\n`);
}
