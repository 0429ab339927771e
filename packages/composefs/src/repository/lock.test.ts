import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { dirSync } from 'tmp-promise';
import { expect, test } from 'vitest';
import { type LockWait, lockRepository } from './lock.ts';

test('whoever waits long is told who holds the lock', async () => {
  const folder = dirSync({ unsafeCleanup: true, prefix: 'lock-' });
  const url = new URL('../syscalls/locks.ts', import.meta.url);
  const program = `
    import { openSync } from 'node:fs';
    const { lock } = await import(${JSON.stringify(url)});
    await lock(openSync(${JSON.stringify(folder.name)}), 'shared');
    console.log('locked');
    setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  const fd = openSync(folder.name, 'r');
  await lockRepository(fd, folder.name, 'shared');
  const named = `${holder.pid} (${process.execPath} --input-type=module -e`;
  const signal = AbortSignal.timeout(50);
  await expect(lockRepository(fd, folder.name, 'exclusive', { signal })).rejects.toMatchObject({
    code: 'REPOSITORY_BUSY',
    message: expect.stringContaining(`${folder.name} is in use by ${named}`),
  });
  await lockRepository(fd, folder.name, 'shared');
  const waits: LockWait[] = [];
  const onWait = (wait: LockWait) => {
    waits.push(wait);
    holder.kill();
  };
  await lockRepository(fd, folder.name, 'exclusive', { onWait, patienceMs: 50 });
  expect(waits).toEqual([{ path: folder.name, kind: 'exclusive', holders: [expect.stringContaining(named)] }]);
  closeSync(fd);
  folder.removeCallback();
});
