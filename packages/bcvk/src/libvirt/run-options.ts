import { existsSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { CodedError } from '@workbench/run';

/** `--log-dir=STREAMS=DIR` read: the files of the streams that were asked for. */
export interface LogFiles {
  console: string | undefined;
  journal: string | undefined;
  initrdJournal: string | undefined;
  /** What firmware and boot loader print; real bcvk has no such stream, it comes with `console`. */
  platformConsole: string | undefined;
}

const noLogs: LogFiles = {
  console: undefined,
  journal: undefined,
  initrdJournal: undefined,
  platformConsole: undefined,
};

/**
 * Reads `--log-dir`: `journal,console=/a/folder`.
 *
 * @throws CodedError BAD_LOG_DIR, exit code 2
 */
export function parseLogDir(value: string | undefined): LogFiles {
  if (value === undefined) return noLogs;
  const [streamList = '', folder] = splitOnce(value, '=');
  const streams = streamList.split(',');
  const wrong = streams.find((stream) => stream !== 'journal' && stream !== 'console');
  if (wrong !== undefined || folder === undefined || !isAbsolute(folder)) {
    throw new CodedError('BAD_LOG_DIR', `'${value}' does not name streams and an absolute folder`, {
      hint: 'write --log-dir=journal,console=/a/folder',
      exitCode: 2,
    });
  }
  const file = (stream: string, name: string) => (streams.includes(stream) ? join(folder, name) : undefined);
  return {
    console: file('console', 'console.txt'),
    platformConsole: file('console', 'platform-console.txt'),
    journal: file('journal', 'journal.json'),
    initrdJournal: file('journal', 'journal-initrd.json'),
  };
}

/** A folder of the host and where or under which tag the guest has it. */
export interface HostFolder {
  /** Absolute: whoever serves it works elsewhere. */
  host: string;
  guest: string;
}

/**
 * Reads `HOST:GUEST` of `--bind` and `--bind-ro` (GUEST is an absolute path) or `HOST:TAG` of `--volume`.
 *
 * @throws CodedError BAD_SHARE, exit code 2
 */
export function parseHostFolder(value: string, what: 'bind' | 'volume'): HostFolder {
  const [host = '', guest = ''] = splitOnce(value, ':').map((part) => part?.trim());
  const bad = (why: string) =>
    new CodedError('BAD_SHARE', `--${what} ${value}: ${why}`, {
      hint: what === 'bind' ? 'write HOST_FOLDER:/GUEST/FOLDER' : 'write HOST_FOLDER:TAG',
      exitCode: 2,
    });
  if (host === '' || guest === '') throw bad('two parts are needed');
  if (!existsSync(host) || !statSync(host).isDirectory()) throw bad(`there is no folder ${host} on the host`);
  if (what === 'bind' && !isAbsolute(guest)) throw bad(`${guest} is no absolute path`);
  return { host: resolve(host), guest };
}

/**
 * Refuses labels with a comma, which joins labels in the domain's metadata.
 *
 * @throws CodedError BAD_LABEL, exit code 2
 */
export function checkLabels(labels: readonly string[]): void {
  const wrong = labels.find((label) => label === '' || label.includes(','));
  if (wrong === undefined) return;
  throw new CodedError('BAD_LABEL', `'${wrong}' cannot be a label`, { hint: 'a label has no comma', exitCode: 2 });
}

/** A VM's name from its image's: `quay.io/x/my.os:42` becomes `my-os`, or `my-os-2` where that exists. */
export function generateVmName(image: string, existing: ReadonlySet<string>): string {
  const base = (image.split('/').at(-1) ?? image).replace(/[:@].*$/, '').replaceAll(/[^A-Za-z0-9_-]/g, '-');
  for (let counter = 1; ; counter++) {
    const name = counter === 1 ? base : `${base}-${counter}`;
    if (!existing.has(name)) return name;
  }
}

/**
 * Refuses names that could not be a folder or an argument.
 *
 * @throws CodedError BAD_NAME, exit code 2
 */
export function checkVmName(name: string): void {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}$/.test(name)) return;
  throw new CodedError('BAD_NAME', `'${name}' cannot be the name of a VM`, {
    hint: 'use letters, digits and . _ + -',
    exitCode: 2,
  });
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}
