import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '@workbench/composefs';
import { CodedError, CommandError, run } from '@workbench/run';
import { mountAt } from './mounts.ts';

/** Where an image keeps the programs of systemd-boot, relative to its root. */
export const systemdBootDirectory = 'usr/lib/systemd/boot/efi';

/** What is to be said of an image without it. */
export const withoutSystemdBoot = {
  message: `the image has no systemd-boot (/${systemdBootDirectory})`,
  hint: 'install systemd-boot-efi (Debian) or systemd-boot-unsigned (Fedora, CentOS) when the image is built',
} as const;

/** Where an image keeps variables that systemd-boot enrols into the firmware, relative to its root. */
const secureBootKeysDirectory = 'usr/lib/bootc/install/secureboot-keys';

/** The major version that `bootctl --version` prints, or undefined when it is unreadable. */
export function parseBootctlVersion(output: string): number | undefined {
  const match = /^systemd (\d+)/.exec(output);
  return match === null ? undefined : Number(match[1]);
}

/** The major version of bootctl here, which is that of systemd-boot in the same image; undefined when there is none. */
export async function readBootctlVersion(signal?: AbortSignal): Promise<number | undefined> {
  try {
    const { stdout } = await run(['bootctl', '--version'], {
      step: 'find out the version of bootctl',
      ...(signal === undefined ? {} : { signal }),
    });
    return parseBootctlVersion(stdout);
  } catch (error) {
    if (error instanceof CommandError && error.failure === 'not-found') return undefined;
    throw error;
  }
}

/**
 * The command that copies systemd-boot out of a mounted image to the ESP that is mounted at `/boot` in it. For a generic
 * image neither firmware variables nor a random seed are written, since they would belong to this machine.
 */
export function bootctlInstallCommand(options: {
  imageRoot: string;
  isGenericImage: boolean;
  version: number | undefined;
}): [string, ...string[]] {
  const knowsRandomSeed = options.version !== undefined && options.version >= 257;
  const generic = ['--no-variables', ...(knowsRandomSeed ? ['--random-seed=no'] : [])];
  return [
    'bootctl',
    'install',
    '--root',
    options.imageRoot,
    '--esp-path',
    '/boot',
    ...(options.isGenericImage ? generic : []),
  ];
}

/**
 * Installs systemd-boot from a mounted image onto a mounted ESP, with the Secure Boot variables the image brings. The
 * image's `/boot` and `/tmp` are covered by mounts meanwhile, since bootctl(1) wants the ESP below its root, and writes an
 * entry token for the machine.
 *
 * @throws CodedError `IMAGE_WITHOUT_SYSTEMD_BOOT` when the image does not have it; CommandError when bootctl fails.
 */
export async function installSystemdBoot(options: {
  imageRoot: string;
  espMount: string;
  isGenericImage: boolean;
  signal?: AbortSignal;
}): Promise<void> {
  const { imageRoot, espMount, signal } = options;
  const abort = signal === undefined ? {} : { signal };
  const programs = await namesIn(join(imageRoot, systemdBootDirectory));
  if (programs.length === 0) {
    throw new CodedError('IMAGE_WITHOUT_SYSTEMD_BOOT', withoutSystemdBoot.message, { hint: withoutSystemdBoot.hint });
  }
  const version = await readBootctlVersion(signal);
  {
    await using _esp = await mountAt(espMount, join(imageRoot, 'boot'), { options: ['bind'], ...abort });
    await using _tmp = await mountAt('tmpfs', join(imageRoot, 'tmp'), { type: 'tmpfs', ...abort });
    await run(bootctlInstallCommand({ imageRoot, isGenericImage: options.isGenericImage, version }), {
      step: 'install systemd-boot',
      env: { SYSTEMD_RELAX_ESP_CHECKS: '1', KERNEL_INSTALL_CONF_ROOT: '/tmp' },
      ...abort,
    });
  }
  await copySecureBootKeys(imageRoot, espMount);
}

/**
 * Copies the `*.auth` variables of the image to where systemd-boot finds them (systemd-boot(7), "loader/keys").
 *
 * @throws CodedError `SECUREBOOT_KEYS_INVALID` for anything but folders right below the image's key folder.
 */
export async function copySecureBootKeys(imageRoot: string, espMount: string): Promise<void> {
  const source = join(imageRoot, secureBootKeysDirectory);
  for (const set of await namesIn(source)) {
    if (!(await stat(join(source, set))).isDirectory()) {
      throw new CodedError('SECUREBOOT_KEYS_INVALID', `/${secureBootKeysDirectory}/${set} is not a folder`, {
        hint: 'put *.auth files into a folder there, one folder for each set of keys',
      });
    }
    const target = join(espMount, 'loader/keys', set);
    await mkdir(target, { recursive: true });
    const names = (await namesIn(join(source, set))).filter((name) => name.endsWith('.auth'));
    for (const name of names) await replaceFile(target, name, await readFile(join(source, set, name)));
  }
}

async function namesIn(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names.sort();
}
