import { expect, test } from 'vitest';
import type { BlsEntry } from '../boot/bls-entry.ts';
import type { RootModel } from '../storage/root-model.ts';
import { bootedKernelArguments, carriedKernelArguments } from './carried-kernel-arguments.ts';

const old = 'a'.repeat(128);
const next = 'b'.repeat(128);

test.each([
  {
    what: 'what was chosen at installation stays, in its order, and root= is neither added nor removed',
    booted: `rw root=UUID=1 composefs=${old} console=ttyS0`,
    bootedImage: [],
    nextImage: [],
    expected: `rw root=UUID=1 composefs=${next} console=ttyS0`,
  },
  {
    what: 'what both images ask for stays where it is; the difference is applied',
    booted: `composefs=?${old} quiet console=ttyS0`,
    bootedImage: ['console=ttyS0', 'quiet'],
    nextImage: ['console=ttyS0', 'debug'],
    expected: `composefs=?${next} console=ttyS0 debug`,
  },
  {
    what: 'what an administrator removed that both images ask for does not come back',
    booted: `composefs=${old}`,
    bootedImage: ['quiet'],
    nextImage: ['quiet'],
    expected: `composefs=${next}`,
  },
  {
    what: 'what was there already is not there twice',
    booted: `composefs=${old} debug`,
    bootedImage: [],
    nextImage: ['debug'],
    expected: `composefs=${next} debug`,
  },
  {
    what: 'of several composefs= only one is left',
    booted: `composefs=${old} rw composefs=?${old}`,
    bootedImage: [],
    nextImage: [],
    expected: `composefs=${next} rw`,
  },
])('$what', ({ booted, bootedImage, nextImage, expected }) => {
  const args = carriedKernelArguments(bootedKernelArguments(modelOf(booted), inputs('', bootedImage)), {
    deploymentId: next,
    imageArguments: nextImage,
  });
  expect(args.join(' ')).toBe(expected);
});

test('without a boot entry that has them, the kernel arguments of the running system are carried', () => {
  const model = modelOf(undefined);
  const booted = bootedKernelArguments(
    model,
    inputs(`BOOT_IMAGE=/vmlinuz initrd=\\x rw composefs=?${old} quiet\n`, []),
  );
  expect(carriedKernelArguments(booted, { deploymentId: next, imageArguments: [] })).toEqual([
    'rw',
    `composefs=?${next}`,
    'quiet',
  ]);
});

function inputs(commandLine: string, imageArguments: readonly string[]) {
  return { commandLine, imageArguments };
}

/** A model of which only the booted entry is looked at: with a kernel and these options, or with a unified kernel image. */
function modelOf(options: string | undefined): RootModel {
  const target: BlsEntry['target'] =
    options === undefined
      ? { kind: 'efi', key: 'efi', path: '/x.efi' }
      : { kind: 'linux', linux: '/k', initrds: [], options };
  return {
    host: { kind: 'composefs', deploymentId: old, isMissingVerityAllowed: false },
    boot: { bootloader: 'systemd', bootDirectory: '/esp', espDirectory: '/esp' },
    entries: [
      {
        fileName: 'bootc_x-1-1.conf',
        set: 'active',
        entry: { version: '1', target },
        deploymentId: old,
        artifactName: old,
        missingFiles: [],
      },
    ],
    unmanaged: [],
    artifacts: [],
    deployments: new Map(),
    problems: [],
  };
}
