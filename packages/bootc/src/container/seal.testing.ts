import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { run } from '@workbench/run';

const cfsctl = resolve(import.meta.dirname, '../../../../target/tools/bin/cfsctl');
const stub = '/usr/lib/systemd/boot/efi/linuxx64.efi.stub';

/** Podman with container storage of its own, in a folder. @returns what runs it and gives its output. */
export function podmanIn(folder: string): (...args: string[]) => Promise<string> {
  const store = ['--root', join(folder, 'storage'), '--runroot', join(folder, 'run'), '--storage-driver', 'overlay'];
  return async (...args) => {
    const { stdout } = await run(['podman', ...store, '--cgroup-manager=cgroupfs', '--runtime=runc', ...args], {
      step: `podman ${args[0]}`,
    });
    return stdout.trim();
  };
}

/** Podman keeps its store mounted; after this the folder of {@link podmanIn} can be removed. */
export async function releaseStore(folder: string): Promise<void> {
  await run(['umount', '--recursive', '--lazy', join(folder, 'storage/overlay')], {
    step: 'release the store',
    okExitCodes: [0, 1, 32],
  });
}

/** The id that cfsctl gives the image to boot of an OCI layout, in a repository that it makes for this. */
export async function cfsctlBootId(repository: string, layout: string): Promise<string> {
  const ctl = (...args: string[]) => run([cfsctl, ...args], { step: `cfsctl ${args.join(' ')} (cargo install it)` });
  const inside = ['--insecure', '--repo', repository, 'oci'];
  await ctl('init', '--insecure', repository);
  await ctl(...inside, 'pull', `oci:${layout}:latest`, 'x');
  return (await ctl(...inside, 'compute-id', '--bootable', 'x')).stdout.trim();
}

/** Puts something into `bin` that stands in for ukify: adds what it is given to systemd's stub, and `changes` to the command line. */
export function plantUkify(folder: string, changes: string): void {
  const at = (name: string) => join(folder, name);
  mkdirSync(at('bin'), { recursive: true });
  const script = `#!/bin/sh -e
while [ $# -gt 0 ]; do
    case $1 in
        --linux) linux=$2 ;;
        --initrd) initrd=$2 ;;
        --uname) printf %s "$2" >${at('uname')} ;;
        --cmdline) printf %s "$2${changes}" >${at('cmdline')} ;;
        --os-release) cat "\${2#@}" >${at('osrel')} ;;
        --output) output=$2 ;;
    esac
    shift
done
objcopy --add-section .osrel=${at('osrel')} --change-section-vma .osrel=0x2000000 \\
    --add-section .cmdline=${at('cmdline')} --change-section-vma .cmdline=0x2100000 \\
    --add-section .uname=${at('uname')} --change-section-vma .uname=0x2200000 \\
    --add-section .initrd="$initrd" --change-section-vma .initrd=0x2300000 \\
    --add-section .linux="$linux" --change-section-vma .linux=0x2400000 ${stub} "$output"
`;
  writeFileSync(at('bin/ukify'), script);
  chmodSync(at('bin/ukify'), 0o755);
}
