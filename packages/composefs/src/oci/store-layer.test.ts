import { hash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, expect, test } from 'vitest';
import { checkRepository } from '../repository/check.ts';
import { initRepository } from '../repository/init-repository.ts';
import { objectPath } from '../repository/objects.ts';
import { openStreamObject } from '../repository/streams.ts';
import { makeTar } from '../tar/make-tar.testing.ts';
import { storeLayer } from './store-layer.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'store-layer-' });
afterAll(() => folder.removeCallback());

test('a layer that lost its stream, or some of its content, is stored again', async () => {
  const options = { algorithm: 'sha256', verity: 'off', erofsFormats: { default: 1 } } as const;
  await using repository = await initRepository(join(folder.name, 'repository'), options);
  const archive = makeTar([{ name: 'x', type: 'file', content: 'x'.repeat(100) }]);
  const store = async () => {
    const pieces = (async function* () {
      yield archive;
    })();
    return storeLayer(repository, `sha256:${hash('sha256', archive, 'hex')}`, pieces, 'named');
  };
  const stream = await store();
  const [object] = (await openStreamObject(repository, stream)).objectReferences as [string];
  for (const lost of [stream, object]) {
    rmSync(join(repository.path, objectPath(lost)));
    expect(await store()).toBe(stream);
    expect(await checkRepository(repository)).toMatchObject({ ok: true, objectsChecked: 2 });
  }
});
