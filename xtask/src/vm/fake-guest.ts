import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Clock } from './waits/clock.ts';

/**
 * For tests: a bcvk, an ssh, a virsh and a podman that are small shell scripts, and a guest that is a few files. It speaks the command
 * lines and the JSON of bcvk 0.18, so that all above it is what runs against real VMs.
 */
export interface FakeGuest {
  readonly folder: string;
  readonly bcvk: string;
  /** PATH with the fake programs first. */
  readonly path: string;
  /** What the guest prints on its console when it is started. */
  console(text: string): void;
  /** Shell commands of `bcvk libvirt run`. `$state` is the file with the domain state, `$console` the console log. */
  onLaunch(script: string): void;
  /** Shell commands of `bcvk libvirt take-snapshot`. */
  onSnapshot(script: string): void;
  /** Shell commands in place of ssh. Default: it answers. */
  onSsh(script: string): void;
  /** A further fake program. */
  program(name: string, script: string): string;
  /** The domain state, or undefined when there is no VM. */
  state(): string | undefined;
  setState(state: string): void;
  /** The digest of the image, in podman's storage. */
  setImageDigest(digest: string): void;
  /** What `bcvk libvirt list` prints. */
  setList(vms: readonly unknown[]): void;
  /** The arguments of each call of bcvk, and the calls of virsh. */
  calls(): string[];
}

const bcvkScript = `echo "$*" >>"$folder/calls"
case "$1 $2" in
'libvirt run')
  if [ "$3" = --help ]; then
    printf '      --log-dir <STREAMS=DIR>\\n      --console-log <F>\\n      --platform-console-log <F>\\n      --snapshot\\n'
    exit 0
  fi
  for word; do
    case "$word" in
    --console-log=*) echo "\${word#*=}" >"$folder/console-path" ;;
    --name=*) name=\${word#*=} ;;
    --label=*) labels="\${labels:+$labels,}\\"\${word#*=}\\"" ;;
    esac
  done
  if [ -e "$state" ] && [ "$name" = "$(cat "$folder/name")" ]; then
    echo "error: VM '$name' already exists [VM_EXISTS]" >&2
    exit 1
  fi
  echo "$name" >"$folder/name"
  echo "$labels" >"$folder/labels"
  console=$(cat "$folder/console-path")
  cat "$folder/console" >>"$console"
  echo running >"$state"
  . "$folder/on-launch" ;;
'libvirt inspect')
  if ! [ -e "$state" ]; then echo "error: Domain '$3' not found" >&2; exit 1; fi
  printf '{"name":"%s","state":"%s","labels":[%s],"ssh_port":2222,"ssh_private_key":"KEY\\\\n"}' "$3" "$(cat "$state")" \\
    "$(cat "$folder/labels" 2>/dev/null)" ;;
'libvirt rm')
  if ! [ -e "$state" ]; then echo "error: Domain not found" >&2; exit 1; fi
  rm "$state" ;;
'libvirt take-snapshot') . "$folder/on-snapshot" ;;
'libvirt list') cat "$folder/list" ;;
'libvirt status') cat "$folder/status" ;;
*) echo "error: unrecognized subcommand '$2'" >&2; exit 2 ;;
esac
`;

const virshScript = `echo "virsh $*" >>"$folder/calls"
if ! [ -e "$state" ]; then echo "error: failed to get domain '$3'" >&2; exit 1; fi
cat "$state"; echo
`;

const podmanScript = `case "$*" in
*'image exists localhost/bootc') exit 0 ;;
*'image exists'*) exit 1 ;;
*'image inspect'*) printf '[{"Id":"01","Digest":"%s"}]' "$(cat "$folder/digest")" ;;
*create*) echo 03 ;;
*' cp '* | 'cp '*) for to; do :; done; echo ID=debian >"$to" ;;
esac
`;

/** Makes a fake guest in a new temporary folder. */
export function fakeGuest(): FakeGuest {
  const folder = mkdtempSync(join(tmpdir(), 'guest-'));
  const bin = join(folder, 'bin');
  const state = join(folder, 'state');
  mkdirSync(bin);
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  const program = (name: string, script: string): string => {
    const path = join(bin, name);
    writeFileSync(path, `#!/bin/sh\nfolder='${folder}' state='${state}'\n${script}`);
    chmodSync(path, 0o755);
    return path;
  };
  write('console', 'Linux version 7.2\nsystemd[1]: Switching root.\ndebian login: ');
  write('on-launch', ':\n');
  write('on-snapshot', ':\n');
  write('list', '[]');
  write('digest', 'sha256:02');
  write('status', '{"accel":"kvm"}');
  program('ssh', 'exit 0\n');
  program('podman', podmanScript);
  program('virsh', virshScript);
  return {
    folder,
    bcvk: program('bcvk', bcvkScript),
    path: [bin, process.env.PATH ?? ''].join(delimiter),
    console: (text) => write('console', text),
    onLaunch: (script) => write('on-launch', `${script}\n`),
    onSnapshot: (script) => write('on-snapshot', `${script}\n`),
    onSsh: (script) => program('ssh', `${script}\n`),
    program,
    state: () => (existsSync(state) ? readFileSync(state, 'utf8').trim() : undefined),
    setState: (value) => writeFileSync(state, `${value}\n`),
    setImageDigest: (digest) => write('digest', digest),
    setList: (vms) => write('list', JSON.stringify(vms)),
    calls: () => {
      const file = join(folder, 'calls');
      return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
    },
  };
}

/** For tests with real processes: a clock that runs faster than the real one. */
export function fastClock(factor = 100): Clock {
  return {
    now: () => performance.now() * factor,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, ms / factor);
        signal?.addEventListener('abort', () => {
          clearTimeout(timer);
          resolve();
        });
        if (signal?.aborted) {
          clearTimeout(timer);
          resolve();
        }
      }),
  };
}
