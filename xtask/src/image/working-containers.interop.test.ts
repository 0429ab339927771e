import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { podman, podmanCommand } from './podman.ts';
import { removeWorkingContainers } from './working-containers.ts';

// In a storage of its own: what others build here is none of its business.

const folder = dirSync({ unsafeCleanup: true, tmpdir: '/var/tmp' });
const configuration = join(folder.name, 'storage.conf');
const places = `driver = "overlay"\ngraphroot = "${folder.name}/graph"\nrunroot = "${folder.name}/run"\n`;

beforeAll(async () => {
  writeFileSync(configuration, `[storage]\n${places}`);
  vi.stubEnv('CONTAINERS_STORAGE_CONF', configuration);
  await run(['tar', '--create', `--file=${folder.name}/empty.tar`, '--files-from=/dev/null'], {
    step: 'make an archive',
  });
  for (const [name, label] of [
    ['ours', 'workbench.base-inputs=1'],
    ['other', 'of=others'],
  ]) {
    await podman(['import', '--quiet', `--change=LABEL ${label}`, `${folder.name}/empty.tar`, `localhost/${name}`], {
      step: 'import an image',
    });
    writeFileSync(join(folder.name, name as string), `FROM localhost/${name}\nRUN ["/usr/bin/sleep", "600"]\n`);
  }
});
afterAll(async () => {
  await podman(['system', 'reset', '--force'], { step: 'remove the storage' });
  folder.removeCallback();
});

async function containers(): Promise<string[]> {
  const { stdout } = await podman(['ps', '--all', '--external', '--format={{.Image}}'], { step: 'list containers' });
  return stdout.trim().split('\n').filter(Boolean).toSorted();
}

async function startBuild(name: string): Promise<ChildProcess> {
  const before = (await containers()).length;
  const volumes = ['/usr', '/lib', '/lib64'].map((path) => `--volume=${path}:${path}:ro`);
  const file = `--file=${join(folder.name, name)}`;
  const [program, ...args] = podmanCommand(['build', '--network=none', ...volumes, file, folder.name]);
  const build = spawn(program, args, { stdio: 'ignore' });
  await vi.waitUntil(async () => (await containers()).length > before, { timeout: 60_000, interval: 500 });
  return build;
}

async function kill(build: ChildProcess): Promise<void> {
  const ended = once(build, 'exit');
  build.kill('SIGKILL');
  await ended;
}

test('what a killed build on one of our bases has left is removed, unless a build runs; what others have left stays', {
  timeout: 240_000,
}, async () => {
  await kill(await startBuild('other'));
  await kill(await startBuild('ours'));
  const both = ['localhost/other:latest', 'localhost/ours:latest'];
  expect(await containers()).toEqual(both);
  const running = await startBuild('other');
  await removeWorkingContainers();
  expect(await containers()).toEqual(['localhost/other:latest', ...both]);
  await kill(running);
  await removeWorkingContainers();
  expect(await containers()).toEqual(['localhost/other:latest', 'localhost/other:latest']);
});
