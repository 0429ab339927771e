import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { expect, test } from 'vitest';
import { checkRepository as checkHere } from '../repository/check.ts';
import { initRepository } from '../repository/init-repository.ts';
import { objectPath } from '../repository/objects.ts';
import { storeObject } from '../repository/store-object.ts';
import { checkRepository } from './check-repository.ts';

test('many objects are examined on threads, and it finds what one thread finds', async () => {
  const folder = dirSync({ unsafeCleanup: true, prefix: 'check-threads-' });
  await using repository = await initRepository(join(folder.name, 'repository'), {
    algorithm: 'sha512',
    verity: 'off',
    erofsFormats: { default: 1 },
  });
  const digests: string[] = [];
  for (let i = 0; i < 700; i++) digests.push((await storeObject(repository, Buffer.from(`content ${i}`))).digest);
  const at = (digest: string) => join(repository.path, objectPath(digest));
  for (const digest of digests.slice(0, 3)) {
    const content = readFileSync(at(digest));
    content[0] = 0;
    writeFileSync(at(digest), content);
  }
  const foreign = join(repository.path, 'objects/00/foreign');
  mkdirSync(dirname(foreign), { recursive: true });
  writeFileSync(foreign, 'x');
  const report = await checkRepository(repository);
  expect(report).toEqual(await checkHere(repository));
  expect(report).toMatchObject({ ok: false, objectsChecked: 701, objectsCorrupted: 4 });
  expect(report.hurtObjects.map(({ digest }) => digest)).toEqual(digests.slice(0, 3).sort());
  folder.removeCallback();
});
