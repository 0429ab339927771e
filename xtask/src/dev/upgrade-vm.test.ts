import { expect, test } from 'vitest';
import { upgradeCommand, upgradeGuest } from './upgrade-vm.ts';

const old = `sha256:${'1'.repeat(64)}`;
const wanted = `sha256:${'2'.repeat(64)}`;

/** A guest whose status is set by its own commands. */
function guest(staging: string | undefined, bootsInto: string | undefined) {
  const commands: string[] = [];
  let [booted, staged]: [string, string | undefined] = [old, undefined];
  const entryOf = (digest: string | undefined) =>
    digest === undefined
      ? null
      : { image: { image: { image: 'localhost/bootc', transport: 'containers-storage' }, imageDigest: digest } };
  return {
    commands,
    image: 'localhost/bootc',
    digest: wanted,
    signal: new AbortController().signal,
    session: {
      script: async (text: string) => {
        commands.push(text);
        if (text.startsWith('bootc upgrade') || text.startsWith('bootc switch')) staged = staging;
        const stdout = JSON.stringify({ status: { booted: entryOf(booted), staged: entryOf(staged) } });
        return { stdout, stderr: '', exitCode: 0, durationMs: 0 };
      },
    },
    reboot: async () => {
      commands.push('reboot');
      [booted, staged] = [bootsInto ?? booted, undefined];
      return 'boot-2';
    },
  };
}

test('an upgrade is proved by what the next boot runs', async () => {
  const good = guest(wanted, wanted);
  expect(await upgradeGuest(good)).toBe(true);
  expect(good.commands).toEqual([
    'bootc status --json',
    'bootc upgrade >&2',
    'bootc status --json',
    'reboot',
    'bootc status --json',
  ]);
  await expect(upgradeGuest(guest(undefined, wanted))).rejects.toMatchObject({ code: 'UPGRADE_NOT_STAGED' });
  await expect(upgradeGuest(guest(wanted, undefined))).rejects.toMatchObject({ code: 'UPGRADE_NOT_PROVED' });
});

test('a guest that runs the image is left alone', async () => {
  const same = { ...guest(wanted, wanted), digest: old };
  expect(await upgradeGuest(same)).toBe(false);
  expect(same.commands).toEqual(['bootc status --json']);
});

test('a guest that follows another image is switched', () => {
  expect(upgradeCommand('registry:localhost/bootc', 'localhost/bootc')).toBe(
    'bootc switch --transport=containers-storage localhost/bootc',
  );
  expect(upgradeCommand('containers-storage:localhost/bootc', 'localhost/bootc')).toBe('bootc upgrade');
});
