import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError, lastLines, run } from '@workbench/run';
import { scaleDeadline } from '../accel/accel.ts';
import { matchFatal, stripControl } from './console.ts';
import { type GuestProgress, type GuestResult, parseProgress, parseResult } from './guest-lines.ts';
import { type InstallerMachine, installerArguments } from './installer-machine.ts';
import { listenForLines } from './line-server.ts';

/** From power-on to the first line of the installation, under KVM. */
const bootDeadlineMs = 45_000;
/** Between two lines of the installation, under KVM. */
const silenceDeadlineMs = 90_000;
/** From the result line to the guest's power-off, under KVM. */
const powerOffDeadlineMs = 20_000;
const shownLines = 20;

/** Where a run of the installer writes, and who listens. */
export interface InstallerRun {
  machine: InstallerMachine;
  /** Gets console.txt, output.txt and qemu.log. */
  logFolder: string;
  /** Rejects when a helper process of the guest dies. */
  helpersDied: readonly Promise<never>[];
  onProgress(progress: GuestProgress): void;
  onOutput(line: string): void;
  signal?: AbortSignal;
}

/**
 * Boots the installer and waits for its verdict. Success is one thing only: the result line of this run says so and QEMU
 * then ended well. Every known death is noticed when it happens: a fatal console line, QEMU's or a helper's end; and
 * silence has a deadline.
 *
 * @throws CodedError INSTALL_FAILED with the guest's last lines, or the code of the death.
 */
export async function runInstaller(request: InstallerRun): Promise<void> {
  const { machine, logFolder } = request;
  const output: string[] = [];
  const consoleTail: string[] = [];
  const verdict = Promise.withResolvers<GuestResult>();
  verdict.promise.catch(() => undefined);
  const stop = new AbortController();
  const silence = createSilenceTimer((ms, phase) => {
    verdict.reject(
      new CodedError('GUEST_SILENT', `the installer said nothing for ${Math.round(ms / 1000)} s (${phase})`, {
        hint: `last console lines: ${join(logFolder, 'console.txt')}`,
      }),
    );
  });
  silence.expect(scaleDeadline(bootDeadlineMs, machine.accel), 'booting');

  await using _output = await listenForLines(machine.outputSocket, (line) => {
    silence.expect(scaleDeadline(silenceDeadlineMs, machine.accel), 'installing');
    const result = parseResult(line, machine.nonce);
    if (result !== undefined) {
      silence.stop();
      verdict.resolve(result);
      return;
    }
    output.push(stripControl(line));
    appendFileSync(join(logFolder, 'output.txt'), `${line}\n`);
    request.onOutput(stripControl(line));
  });
  await using _progress = await listenForLines(machine.progressSocket, (line) => {
    silence.expect(scaleDeadline(silenceDeadlineMs, machine.accel), 'installing');
    const progress = parseProgress(line);
    if (progress !== undefined) request.onProgress(progress);
  });

  const qemu = run(installerArguments(machine), {
    step: 'run the installer',
    timeoutMs: 86_400_000,
    signal: request.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, request.signal]),
    onLine(line, stream) {
      if (stream === 'stderr') return;
      appendFileSync(join(logFolder, 'console.txt'), `${line}\n`);
      consoleTail.push(stripControl(line));
      const fatal = matchFatal(line);
      if (fatal === undefined) return;
      verdict.reject(
        new CodedError(fatal.code, `${fatal.meaning}: ${stripControl(line).trim()}`, {
          hint: `read ${join(logFolder, 'console.txt')}`,
        }),
      );
    },
  });
  qemu.catch(() => undefined);
  const qemuEnded = qemu.then(() => {
    // The result line may still be on its way through the socket when QEMU is gone.
    setTimeout(() => {
      verdict.reject(
        new CodedError('GUEST_ENDED', 'the installer ended without saying how the installation went', {
          hint: `read ${join(logFolder, 'console.txt')}`,
        }),
      );
    }, 500);
    return verdict.promise;
  });

  try {
    const result = await Promise.race([verdict.promise, qemuEnded, ...request.helpersDied]);
    if (result.result !== 'success') throw installFailed(result, output, logFolder);
    await endsWell(qemu, scaleDeadline(powerOffDeadlineMs, machine.accel));
  } catch (error) {
    throw withTail(error, output, consoleTail);
  } finally {
    silence.stop();
    stop.abort();
    await qemu.catch(() => undefined);
  }
}

function installFailed(result: GuestResult, output: readonly string[], logFolder: string): CodedError {
  const tail = lastLines(output.join('\n'), shownLines).map((line) => `  | ${line}`);
  const how = result.result === 'exit-code' ? `exited with ${result.exitStatus}` : `ended with ${result.result}`;
  return new CodedError('INSTALL_FAILED', [`bootc install to-disk ${how}`, ...tail].join('\n'), {
    hint: `its whole output is in ${join(logFolder, 'output.txt')}`,
  });
}

function withTail(error: unknown, output: readonly string[], consoleTail: readonly string[]): unknown {
  if (!(error instanceof CodedError) || error.code === 'INSTALL_FAILED' || !error.code.startsWith('GUEST_'))
    return error;
  const tail = [...output.slice(-shownLines / 2), ...consoleTail.slice(-shownLines / 2)].map((line) => `  | ${line}`);
  return new CodedError(error.code, [error.message, ...tail].join('\n'), {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    cause: error,
  });
}

async function endsWell(qemu: Promise<unknown>, deadlineMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(
        new CodedError(
          'GUEST_STAYS_ON',
          `the guest did not power off in ${deadlineMs / 1000} s after the installation`,
          {
            hint: 'run it again; report it if it stays so',
          },
        ),
      );
    }, deadlineMs);
  });
  try {
    await Promise.race([qemu, late]);
  } finally {
    clearTimeout(timer);
  }
}

function createSilenceTimer(onSilence: (ms: number, phase: string) => void) {
  let timer: NodeJS.Timeout | undefined;
  return {
    expect(ms: number, phase: string) {
      clearTimeout(timer);
      timer = setTimeout(() => onSilence(ms, phase), ms);
    },
    stop: () => clearTimeout(timer),
  };
}
