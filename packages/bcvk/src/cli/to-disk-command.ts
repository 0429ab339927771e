import { existsSync, renameSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { CodedError } from '@workbench/run';
import type { Argv } from 'yargs';
import { inspectImage } from '../images/podman.ts';
import { parseLogDir } from '../libvirt/run-options.ts';
import { parseDiskSize, parseMemoryMiB } from '../sizes/sizes.ts';
import { installToDisk } from '../to-disk/install.ts';
import type { Choose } from './libvirt-commands.ts';
import { installOptionTable, instanceTypes, machineOptionTable, readInstallOptions } from './shared-options.ts';
import { flagOf, listOf, numberOf, type Parsed, stringOf, usageError } from './strict-yargs.ts';

const smallestDefaultDisk = 4 * 2 ** 30;
const text = (describe: string, more = {}) => ({ type: 'string', requiresArg: true, describe, ...more }) as const;

/** Adds `to-disk`. */
export function addToDiskCommand(yargs: Argv, choose: Choose, env: NodeJS.ProcessEnv): Argv {
  return yargs.command(
    'to-disk <image> <disk>',
    'Install a bootable container onto a new disk image',
    (verb) =>
      verb
        .positional('image', { type: 'string', describe: 'Image to install' })
        .positional('disk', { type: 'string', describe: 'Disk file to make' })
        .options({
          ...installOptionTable,
          'disk-size': text('Disk size: 10G, 5120M, or bytes (default: twice the image, at least 4G)'),
          format: text('Format of the disk file', { choices: ['raw', 'qcow2'], default: 'raw' }),
          ...machineOptionTable,
          vcpus: text('Processors of the installing machine (default: all of the host)'),
          'install-log': text('RUST_LOG of the installation'),
          'dry-run': { type: 'boolean', describe: 'Only say whether the disk would be made' },
        }),
    (parsed: Parsed) => {
      const install = readInstallOptions(parsed);
      const itype = stringOf(parsed, 'itype');
      const size = itype === undefined ? undefined : instanceTypes[itype];
      if (itype !== undefined && size === undefined) throw usageError(`there is no instance type '${itype}'`);
      const memoryMiB = size?.memoryMiB ?? parseMemoryMiB(stringOf(parsed, 'memory')!);
      const diskSize = stringOf(parsed, 'disk-size');
      const diskBytes = diskSize === undefined ? undefined : parseDiskSize(diskSize);
      const logFile = parseLogDir(stringOf(parsed, 'log-dir')).console;
      const installLog = stringOf(parsed, 'install-log');
      listOf(parsed, 'label');
      const disk = resolve(String(parsed.disk));
      choose(async (context) => {
        const image = await inspectImage(String(parsed.image));
        if (flagOf(parsed, 'dry-run')) {
          context.print(existsSync(disk) ? 'would-regenerate' : 'would-create');
          return undefined;
        }
        if (existsSync(disk)) {
          throw new CodedError('DISK_EXISTS', `${disk} exists`, { hint: 'remove it, or name another file' });
        }
        const temporaryFile = join(dirname(disk), `.${basename(disk)}.${process.pid}.part`);
        await installToDisk(
          {
            image,
            options: install,
            diskFile: temporaryFile,
            format: stringOf(parsed, 'format') as 'raw' | 'qcow2',
            diskBytes: diskBytes ?? Math.max(smallestDefaultDisk, image.sizeBytes * 2),
            memoryMiB,
            cpus: size?.cpus ?? numberOf(parsed, 'vcpus'),
            storagePath: stringOf(parsed, 'storage-path'),
            virtiofsd: stringOf(parsed, 'virtiofsd') ?? env.VIRTIOFSD_BIN,
            installEnvironment: installLog === undefined ? {} : { RUST_LOG: installLog },
            showOutput: true,
            logFolder: logFile === undefined ? undefined : dirname(logFile),
          },
          context,
        );
        renameSync(temporaryFile, disk);
        context.print(disk);
        return undefined;
      });
    },
  );
}
