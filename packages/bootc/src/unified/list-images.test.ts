import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formatTable, listImages } from './list-images.ts';

test('images of a machine without any folder of ostree, and those it binds', async () => {
  const root = mkdtempSync(join(tmpdir(), 'list-images-'));
  const images = join(root, 'sysroot/composefs/bootc/storage/overlay-images');
  const bound = join(root, 'usr/lib/bootc/bound-images.d');
  for (const folder of [images, bound]) mkdirSync(folder, { recursive: true });
  const records = [
    { id: 'a', names: ['q.io/os:1', 'localhost/os:latest'] },
    { id: 'b', names: null },
  ];
  writeFileSync(join(images, 'images.json'), JSON.stringify(records));
  writeFileSync(join(bound, 'app.image'), '[Image]\nImage=q.io/app\n');

  const listed = await listImages({ root, physicalRoot: join(root, 'sysroot'), withLogical: true });
  expect(listed).toEqual([
    { image_type: 'unified', image: 'q.io/os:1' },
    { image_type: 'unified', image: 'localhost/os:latest' },
    { image_type: 'logical', image: 'q.io/app' },
  ]);
  expect(formatTable(listed)).toBe(
    'REPOSITORY           TYPE\nq.io/os:1            unified\nlocalhost/os:latest  unified\nq.io/app             logical\n',
  );
  expect(await listImages({ root, physicalRoot: undefined, withLogical: false })).toEqual([]);
  expect(formatTable([])).toBe('REPOSITORY  TYPE\n');
});
