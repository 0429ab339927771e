import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, afterEach, beforeEach } from 'vitest';
import { stagedRecord } from '../deployment/state-paths.ts';
import { deploymentRoles } from '../storage/deployment-roles.ts';
import { buildRootModel } from '../storage/root-model.ts';
import { bootableFiles, writeImageLayout } from '../storage/test-system.testing.ts';
import { switchTo } from './switch.ts';
import {
  kernelFoldersOf,
  makeUpdateSystem,
  publishImage,
  recordingEnvironment,
  targetOf,
  type UpdateSystem,
} from './update-system.testing.ts';
import { upgrade } from './upgrade.ts';

/** What the tests of a file share that update one system. */
export interface FollowingSystem {
  system: UpdateSystem;
  /** The reference of the image that it follows. */
  followed: string;
  environment: ReturnType<typeof recordingEnvironment>;
}

/**
 * Gives each test of a file a system of its own, with an image that it follows, and removes both afterwards.
 *
 * @param use gets the system of the test that is about to run.
 */
export function followImage(use: (made: FollowingSystem) => void) {
  const folder = dirSync({ unsafeCleanup: true });
  let count = 0;
  const image = (files: Record<string, string>) => writeImageLayout(join(folder.name, `image-${++count}`), files);
  let made: FollowingSystem;
  beforeEach(async () => {
    const followed = image(bootableFiles('1'));
    made = { system: await makeUpdateSystem(followed), followed, environment: recordingEnvironment() };
    use(made);
  });
  afterEach(() => rmSync(made.system.directory, { recursive: true }));
  afterAll(() => folder.removeCallback());
  return {
    /** Makes another image. @returns its reference. */
    image,
    publish: (files: Record<string, string>) => publishImage(made.followed, files),
    roles: () => made.system.use(async (storage) => deploymentRoles(await buildRootModel(storage))),
    runUpgrade: (options: { isDownloadOnly?: boolean } = {}) =>
      made.system.use((storage) => upgrade(storage, { isDownloadOnly: false, ...options }, made.environment)),
    runSwitch: (source: string) => made.system.use((storage) => switchTo(storage, targetOf(source), made.environment)),
    /** The file that says what is staged. */
    record: () => join(made.system.root, stagedRecord.directory, stagedRecord.name),
    kernelFolders: () => kernelFoldersOf(made.system),
  };
}
