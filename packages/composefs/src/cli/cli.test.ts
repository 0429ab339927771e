import { chmodSync, mkdirSync, readdirSync, readFileSync, realpathSync, unlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '@workbench/run';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { computeVerity } from '../fsverity/digest.ts';
import { ociVectors, vectorLayout } from '../oci/vector-image.testing.ts';
import { zeroCounters } from '../repository/layer-builder.ts';
import { cfsMain } from './main.ts';
import { formatBytes, formatCounters } from './report-text.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'cfs-' });
afterAll(() => folder.removeCallback());
const path = join(folder.name, 'repository');
const { manifest } = ociVectors.tags.vector as { manifest: string };
const { image, imageBootable } = ociVectors.runs['vector/sha256/V1'] as { image: string; imageBootable: string };

async function cfs(...args: string[]) {
  const output: string[] = [];
  const errors: string[] = [];
  const status = await cfsMain(args, {
    defaultRepository: path,
    write: (text) => output.push(text),
    writeError: (text) => errors.push(text),
  });
  return { status, stdout: output.join(''), stderr: errors.join('') };
}

beforeAll(async () => {
  const made = await cfs('init', path, '--insecure', '--algorithm', 'fsverity-sha256-12');
  expect(made.stdout).toBe(
    `Initialized composefs repository at ${path}\n  algorithm: fsverity-sha256-12\n  verity:    not required (insecure)\n`,
  );
  const pulled = await cfs('oci', 'pull', `oci:${vectorLayout}:vector`, 'localhost/x', '--bootable');
  expect(pulled.stdout.split('\n')).toEqual([
    `manifest ${manifest}`,
    `config   ${ociVectors.tags.vector?.config}`,
    expect.stringMatching(/^verity {3}[0-9a-f]{64}$/),
    'tagged   localhost/x',
    'objects  8 new + 1 already present objects; 14.48 KiB stored, 50.63 KiB inlined',
    `Boot image: ${imageBootable}`,
    '',
  ]);
});

test('init again', async () => {
  const init = ['init', '--insecure', '--algorithm', 'fsverity-sha256-12'];
  expect((await cfs(...init)).stdout).toBe(`Repository already initialized at ${path}\n`);
  const other = ['--erofs-version', '2', ...init];
  expect((await cfs(...other, '--ensure')).stdout).toBe(
    `Repository already initialized at ${path} (existing configuration preserved)\n`,
  );
  const exists = { status: 1, stderr: expect.stringContaining('[REPOSITORY_EXISTS]') };
  expect(await cfs(...other)).toMatchObject(exists);
  expect(await cfs('init', '--insecure')).toMatchObject(exists);
  expect(await cfs('init', '--insecure', '--ensure')).toMatchObject(exists);
});

describe('pull --expected-digest', () => {
  const other = join(folder.name, 'expected');
  const runs = ociVectors.runs as Record<string, { imageBootable: string; imageBootableKeepUserXattrs: string }>;
  const pull = (...args: string[]) =>
    cfs('--repo', other, 'oci', 'pull', `oci:${vectorLayout}:vector`, 'x', '--expected-digest', ...args);
  beforeAll(async () => void (await cfs('init', other, '--insecure', '--algorithm', 'fsverity-sha256-12')));

  test.each([
    ['allowlist-only', 'V1'],
    ['keep-user-xattrs', 'V1'],
    ['allowlist-only', 'V2'],
    ['keep-user-xattrs', 'V2'],
  ] as const)('%s, %s', async (mode, version) => {
    const run = runs[`vector/sha256/${version}`];
    const digest = (mode === 'allowlist-only' ? run?.imageBootable : run?.imageBootableKeepUserXattrs) as string;
    const variant = `(xattr-mode=${mode}, format-version=${version})`;
    for (const _ of ['made', 'found']) {
      expect((await pull(digest, '--bootable')).stdout).toContain(`Boot image: ${digest} ${variant}\n`);
    }
    const linked = JSON.parse((await cfs('--repo', other, 'oci', 'linked-erofs-images', digest)).stdout);
    const format = Number(version.slice(1));
    expect(linked).toContainEqual({ id: digest, bootable: true, version: format, xattrMode: mode });
    expect((await cfs('--repo', other, 'oci', 'fsck')).stdout).toContain('oci images: 1/1 ok');
  });

  test('a digest that none has, one that is none, and one without --bootable', async () => {
    const none = await pull('00'.repeat(32), '--bootable');
    expect(none).toMatchObject({ status: 1, stderr: expect.stringContaining('[BOOT_IMAGE_UNMATCHED]') });
    expect(none.stdout).toContain('tagged   x\n');
    const stderr = (code: string) => ({ status: 1, stderr: expect.stringContaining(`[${code}]`) });
    expect(await pull('abc', '--bootable')).toMatchObject(stderr('VERITY_DIGEST'));
    expect(await pull('00'.repeat(32))).toMatchObject({ ...stderr('USAGE'), status: 2 });
  });
});

test('images as a table and as JSON', async () => {
  expect((await cfs('oci', 'images')).stdout).toBe(`┌─────────────┬──────────────┬───────┬────────┬──────┐
│ NAME        ┆ DIGEST       ┆ ARCH  ┆ LAYERS ┆ REFS │
╞═════════════╪══════════════╪═══════╪════════╪══════╡
│ localhost/x ┆ 5f6185ac483e ┆ amd64 ┆ 2      ┆ 0    │
└─────────────┴──────────────┴───────┴────────┴──────┘
`);
  expect(JSON.parse((await cfs('oci', 'images', '--json')).stdout)).toEqual({
    images: [
      {
        name: 'localhost/x',
        manifest_digest: manifest,
        is_container: true,
        architecture: 'amd64',
        os: 'linux',
        created: '2023-11-14T22:13:20Z',
        layer_count: 2,
        referrer_count: 0,
      },
    ],
  });
});

test('an image by tag and by digest', async () => {
  const shown = JSON.parse((await cfs('oci', 'inspect', 'localhost/x')).stdout);
  expect(shown).toMatchObject({ referrers: [], composefs_erofs: image, composefs_boot_erofs: imageBootable });
  expect((await cfs('oci', 'inspect', `@${manifest}`, '--manifest')).stdout.trimEnd()).toBe(shown.manifest);
  expect((await cfs('oci', 'inspect', `@${manifest}`, '--config')).stdout.trimEnd()).toBe(shown.config);
  expect(await cfs('oci', 'inspect', 'nothing')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('[IMAGE_NOT_FOUND]'),
  });
});

test('tag and untag', async () => {
  expect((await cfs('oci', 'tag', manifest, 'other')).stdout).toBe(`Tagged ${manifest} as other\n`);
  expect((await cfs('oci', 'untag', 'other')).stdout).toBe('Removed tag other\n');
});

test('files and objects of an image', async () => {
  const blob = 'd9d3aacd2d74474b0e3652c907063124b3da91b6704e961a1c27758bc1b15f09';
  expect((await cfs('dump-files', imageBootable, '/usr/lib', '/bin')).stdout).toBe(
    `/usr/lib 0 40755 2 0 0 0 1700000000.0 - - -
/usr/lib/blob 9000 100644 1 0 0 0 1700000000.0 d9/${blob.slice(2)} - ${blob}
/usr/lib/os-release 23 100644 1 0 0 0 1700000000.0 - ID=vector\\nVERSION_ID=1\\n -
/bin 7 120777 1 0 0 0 1700000000.0 usr/bin - -
`,
  );
  expect((await cfs('dump-files', image, '--backing-path-only', '/usr/lib/blob', '/usr/lib/os-release')).stdout).toBe(
    `/usr/lib/blob d9/${blob.slice(2)}\n/usr/lib/os-release inline\n`,
  );
  expect((await cfs('dump-files', image, '/nope')).stderr).toContain('[PATH_NOT_FOUND]');
  expect((await cfs('image-objects', image)).stdout).toContain(`sha256:${blob}\n`);
  expect((await cfs('image-objects', '12')).stderr).toContain('[IMAGE_MISSING]');
});

describe('directories', () => {
  test('are computed without a repository', async () => {
    const root = join(folder.name, 'root');
    mkdirSync(join(root, 'usr'), { recursive: true });
    writeFileSync(join(root, 'usr/file'), 'x'.repeat(100));
    chmodSync(root, 0o700);
    const common = ['--no-repo', '--hash', 'sha256', root];
    const dump = (await cfs('create-dumpfile', ...common)).stdout;
    const digest = computeVerity(Buffer.from('x'.repeat(100)), 'sha256');
    expect(dump.split('\n')[2]).toMatch(/^\/usr\/file 100 100644 1 \d+ \d+ 0 \d+\.\d+ /);
    expect(dump.split('\n')[2]).toContain(` ${digest.slice(0, 2)}/${digest.slice(2)} - ${digest}`);
    const ids = await Promise.all([
      cfs('compute-id', ...common),
      cfs('compute-id', '--erofs-version', '2', ...common),
      cfs('compute-id', '--no-propagate-usr-to-root', ...common),
    ]);
    expect(new Set(ids.map(({ stdout }) => stdout)).size).toBe(3);
    expect(await cfs('compute-id', '--bootable', ...common)).toMatchObject({ status: 1 });
  });
});

test('what is wrong with a repository is exit status 1, but in JSON', async () => {
  expect(await cfs('fsck')).toMatchObject({ status: 0 });
  expect(await cfs('oci', 'fsck', '--json')).toMatchObject({ status: 0 });
  const damaged = join(path, 'objects/d9', 'd3aacd2d74474b0e3652c907063124b3da91b6704e961a1c27758bc1b15f09');
  const content = readFileSync(damaged);
  writeFileSync(damaged, 'changed');
  expect(await cfs('fsck')).toMatchObject({ status: 1, stdout: expect.stringContaining('status: 1 error(s)') });
  expect(await cfs('fsck', '--metadata-only')).toMatchObject({ status: 0 });
  const json = await cfs('oci', 'fsck', '--json');
  expect(json.status).toBe(0);
  expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, images_checked: 1, repo: { objects_corrupted: 1 } });
  writeFileSync(damaged, content);
});

test.each([[[]], [['nothing']], [['oci']], [['gc', '--nope']], [['compute-id']], [['fsck', '--hash', 'md5']]])(
  'a wrong command line is exit status 2: %j',
  async (args) => {
    expect(await cfs(...args)).toMatchObject({ status: 2, stderr: expect.stringContaining('[USAGE]') });
  },
);

test('help goes to standard output', async () => {
  expect(await cfs('oci', '--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('cfs oci pull') });
});

test('a repository that is not as demanded is refused', async () => {
  expect((await cfs('fsck', '--require-verity')).stderr).toContain('[REPOSITORY_UNFIT]');
  expect((await cfs('fsck', '--hash', 'sha512')).stderr).toContain('[REPOSITORY_UNFIT]');
});

test('a reader that has enough ends it without a word', async () => {
  const program = fileURLToPath(new URL('./cfs.ts', import.meta.url));
  const pipe = (...args: string[]) =>
    run(['sh', '-c', '"$@" 2>"$0" | head -c 1', join(folder.name, 'errors'), process.execPath, program, ...args], {
      step: 'read one byte',
    });
  mkdirSync(join(folder.name, 'wide'));
  for (let i = 0; i < 1000; i++) writeFileSync(join(folder.name, 'wide', `${i}`.padEnd(100, '-')), '');
  await pipe('--no-repo', 'create-dumpfile', '--no-propagate-usr-to-root', join(folder.name, 'wide'));
  expect(readFileSync(join(folder.name, 'errors'), 'utf8')).toBe('');
});

test('tags that no file can have are refused before anything is imported', async () => {
  const before = readdirSync(path, { recursive: true });
  const { status, stderr } = await cfs('oci', 'pull', `oci:${vectorLayout}:vector-xlink`, 'a/'.repeat(80));
  expect({ status, stderr }).toMatchObject({ status: 1, stderr: expect.stringContaining('[OCI_TAG]') });
  expect(readdirSync(path, { recursive: true })).toEqual(before);
});

test('numbers of bytes and counters are worded as cfsctl does', () => {
  expect([0, 1023, 1024, 1536, 420_266_803].map(formatBytes)).toEqual([
    '0 B',
    '1023 B',
    '1.00 KiB',
    '1.50 KiB',
    '400.80 MiB',
  ]);
  const linked = { ...zeroCounters(), hardlinked: 3, present: 1, storedBytes: 2048, hardlinkedBytes: 2048 };
  expect(formatCounters(linked)).toBe(
    '3 hardlinked + 0 copied + 1 already present objects; 2.00 KiB hardlinked, 0 B copied, 0 B inlined',
  );
});

test('a check says what the repository is like, and a collection what it keeps and why', async () => {
  expect((await cfs('fsck', '--verbose')).stdout).toMatch(
    /^algorithm: fsverity-sha256-12\nverity: not required, digests are computed\nformats: 1\nmeta.json: ok\n/,
  );
  expect(JSON.parse((await cfs('fsck', '--json')).stdout)).toMatchObject({
    verity: 'off',
    algorithm: 'fsverity-sha256-12',
    erofs_formats: { default: 1, extra: [] },
    hurt_objects: [],
  });
  const { stdout } = await cfs('gc', '--dry-run', '--verbose');
  expect(stdout).toContain(`  keep streams/oci-manifest-${manifest}: streams/refs/oci/localhost%2Fx\n`);
  const json = JSON.parse((await cfs('gc', '--dry-run', '--json', '--root', image)).stdout);
  expect(json).toMatchObject({ dry_run: true, objects_removed: 0, objects_kept: 16 });
  expect(json.kept_bytes).toBeGreaterThan(1000);
  expect(json.kept).toContainEqual(expect.objectContaining({ name: image, reason: 'asked for' }));
});

test('what is damaged is brought back from a source', async () => {
  const damaged = join(path, 'objects/d9', 'd3aacd2d74474b0e3652c907063124b3da91b6704e961a1c27758bc1b15f09');
  writeFileSync(damaged, 'changed');
  const found = await cfs('fsck');
  expect(found.stdout).toContain(`  - localhost/x: object d9${basename(damaged)} is damaged\n`);
  const repaired = await cfs('fsck', '--repair', `oci:${vectorLayout}:vector`);
  expect(repaired).toMatchObject({ status: 0, stdout: expect.stringContaining('restored: 1 of 1 objects') });
  expect(readFileSync(damaged)).toHaveLength(9000);
  expect((await cfs('fsck', '--metadata-only', '--repair', 'oci:x')).status).toBe(2);
  expect((await cfs('fsck', '--repair')).status).toBe(2);
});

test('a damaged image is told of, and the others are listed', async () => {
  const other = ociVectors.tags['vector-xlink']?.manifest as string;
  await cfs('oci', 'pull', `oci:${vectorLayout}:vector-xlink`, 'hurt');
  const file = realpathSync(join(path, 'streams', `oci-manifest-${other}`));
  writeFileSync(file, readFileSync(file).subarray(0, 50));
  const damaged = await cfs('oci', 'images', '--json');
  expect(damaged).toMatchObject({ status: 0, stderr: expect.stringMatching(/^hurt is left out: .*fsck\n$/) });
  const names = (JSON.parse(damaged.stdout).images as { name: string }[]).map(({ name }) => name);
  expect(names).toEqual(['localhost/x']);
  unlinkSync(file);
  expect(await cfs('oci', 'images', '--json')).toMatchObject({ stderr: expect.stringContaining('hurt is left out') });
  expect(await cfs('oci', 'untag', 'hurt')).toMatchObject({ status: 0 });
  expect(await cfs('gc')).toMatchObject({ status: 0 });
});

test('what the system refuses is told as it is', async () => {
  expect((await cfs('composefs-info', 'ls', join(folder.name, 'nothing'))).stderr).toMatch(
    /^error: ENOENT: .* \[ENOENT\]/,
  );
});
