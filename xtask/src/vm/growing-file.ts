import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/**
 * Reads a file of lines as it grows. One that is not there yet, or was cut off and began anew, is no error; one that virtlogd moved
 * away at its size limit (virtlogd.conf(5), max_size) is read to its end.
 */
export class GrowingFile {
  /** The last line, as far as it is written. */
  rest = '';
  readonly #path: string;
  readonly #decoder = new TextDecoder();
  /** Of the file that was read last; one that is moved away for a new one has another. */
  #inode: number | undefined;
  #offset = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** The lines that were completed since the last look. Undefined when there is nothing new, so `rest` is as it was. */
  readLines(): string[] | undefined {
    const text = this.#readNew();
    if (text === '') return undefined;
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    return lines;
  }

  #readNew(): string {
    const inode = statSync(this.#path, { throwIfNoEntry: false })?.ino;
    // Between the two steps of moving a log away there is none of its name.
    if (inode === undefined) return '';
    const before = this.#inode;
    this.#inode = inode;
    if (before === undefined || before === inode) return this.#readFrom(this.#path);
    // The unread end of the old file, where that was only moved; then the new file from its beginning.
    const moved = olderLogs(this.#path).find((older) => statSync(older).ino === before);
    const end = moved === undefined ? '' : this.#readFrom(moved);
    this.#offset = 0;
    return end + this.#readFrom(this.#path);
  }

  #readFrom(path: string): string {
    const file = openSync(path, 'r');
    try {
      const { size } = fstatSync(file);
      const from = size < this.#offset ? 0 : this.#offset;
      const buffer = Buffer.alloc(size - from);
      const length = size === from ? 0 : readSync(file, buffer, 0, buffer.length, from);
      this.#offset = from + length;
      // A character that the end of the read cut in two is completed by the next.
      return this.#decoder.decode(buffer.subarray(0, length), { stream: true });
    } finally {
      closeSync(file);
    }
  }
}

/** What virtlogd moved away of a log, the latest first: `console.log.0`, `console.log.1`. */
export function olderLogs(path: string): string[] {
  const start = `${basename(path)}.`;
  return readdirSync(dirname(path))
    .filter((name) => name.startsWith(start) && /^\d+$/.test(name.slice(start.length)))
    .sort((a, b) => Number(a.slice(start.length)) - Number(b.slice(start.length)))
    .map((name) => join(dirname(path), name));
}
