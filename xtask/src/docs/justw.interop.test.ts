import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunResult, run } from '@workbench/run';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { workspaceRoot } from '../settings/workspace.ts';
import { findOnPath } from '../vm/choose-bcvk.ts';

// ./justw on this machine, which lacks nothing, and on machines that have next to nothing.

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'justw-'));
  mkdirSync(join(folder, 'bin'));
  copyFileSync(join(workspaceRoot, 'justw'), join(folder, 'justw'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function program(name: string, script: string): void {
  const file = join(folder, 'bin', name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

/** Runs a copy of justw on a machine whose programs are those in `bin`, and what a shell script cannot do without. */
async function justwElsewhere(): Promise<RunResult> {
  for (const name of ['cut', 'dirname', 'env', 'id', 'mkdir', 'sort', 'tail', 'tr']) {
    const place = join(folder, 'bin', name);
    if (!existsSync(place)) symlinkSync((await findOnPath(name)) ?? '', place);
  }
  // The folders that it adds to PATH by itself are empty here.
  const text = readFileSync(join(folder, 'justw'), 'utf8');
  writeFileSync(join(folder, 'justw'), text.replace(/^PATH=\$PATH:.*$/m, ''));
  return run(['/bin/sh', join(folder, 'justw'), 'plan'], {
    step: 'run justw',
    env: { PATH: join(folder, 'bin') },
    okExitCodes: [1],
  });
}

test('on a machine that lacks nothing it is silent, and takes less than a second', async () => {
  const seconds: number[] = [];
  const times = join(folder, 'times');
  for (let round = 0; round < 3; round++) {
    const { stdout, stderr } = await run(
      ['/usr/bin/time', '--format=%U %S', `--output=${times}`, './justw', '--version'],
      { step: 'run just', cwd: workspaceRoot },
    );
    expect(stdout).toMatch(/^just \d/);
    expect(stderr).toBe('');
    const [user, system] = readFileSync(times, 'utf8').split(' ').map(Number);
    seconds.push((user ?? 0) + (system ?? 0));
  }
  // It waits for nothing, so that on an idle machine the time of the processor is all of it.
  expect(Math.min(...seconds)).toBeLessThan(1);
});

test('whoever is not root and has no sbin in PATH lacks nothing either', async () => {
  const PATH = (process.env.PATH ?? '').split(':').filter((path) => !/\/sbin$/.test(path));
  const { stderr } = await run(['./justw', '--version'], {
    step: 'run just',
    cwd: workspaceRoot,
    env: { PATH: PATH.join(':') },
  });
  expect(stderr).toBe('');
});

test('a machine without a package manager that it knows gets a list, with the names of both', async () => {
  const { exitCode, stdout, stderr } = await justwElsewhere();
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
  const lines = stderr.trimEnd().split('\n');
  expect(lines[0]).toBe(
    'justw: this machine lacks what the recipes need, and there is neither apt nor dnf to install it with; install these:',
  );
  expect(lines).toContain('justw:   podman (package podman)');
  expect(lines).toContain('justw:   virsh (package libvirt-clients in Debian, libvirt-client in Fedora)');
  expect(lines).toContain('justw:   python3-venv (package python3-venv in Debian, python3 in Fedora)');
});

test('who is neither root nor may become it is told the command', async () => {
  program('apt-get', 'echo "it was called" >&2; exit 1');
  program('id', 'echo 1000');
  const { exitCode, stderr } = await justwElsewhere();
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/only root can install it; as root: apt install .*\bpodman\b.*:\n/);
  expect(stderr).toContain('justw:   virsh (package libvirt-clients)\n');
  expect(stderr).not.toContain('it was called');
});

test('what cannot be installed is said with the last lines, and where the rest is', async () => {
  program('apt-get', 'for n in 1 2 3; do echo "E: line $n of $1" >&2; done; exit 100');
  const { exitCode, stderr } = await justwElsewhere();
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^justw: installing: .*\bpodman /);
  expect(stderr).toContain(
    'E: line 3 of install\njustw: installing packages failed; the whole output is in target/tools/packages.log\n',
  );
  expect(readFileSync(join(folder, 'target/tools/packages.log'), 'utf8')).toContain('E: line 1 of update');
});

test('what is still missing after an installation is listed', async () => {
  program('apt-get', 'exit 0');
  const { exitCode, stderr } = await justwElsewhere();
  expect(exitCode).toBe(1);
  expect(stderr).toContain('justw: this machine lacks what the recipes need, and installing did not bring it:\n');
  expect(stderr).toContain('justw:   podman (package podman)\n');
});
