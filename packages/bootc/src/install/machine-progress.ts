import { closeSync, constants, openSync, writeSync } from 'node:fs';

/** The variable that names a file, pipe or virtio-serial port which gets the progress of an installation as JSON lines. */
export const progressVariable = 'BOOTC_INSTALL_PROGRESS';

/** Takes lines for a program that watches, until it is closed. */
export interface ProgressSink extends Disposable {
  write(line: string): void;
}

/**
 * Opens the place that {@link progressVariable} names; undefined when it names none or the place cannot be opened, which is
 * told through `warn`. A line that cannot be written at once is dropped: a virtio-serial port without a reader would
 * else stop the installation (drivers/char/virtio_console.c waits for the host).
 */
export function openProgressSink(path: string | undefined, warn: (line: string) => void): ProgressSink | undefined {
  if (path === undefined || path === '') return undefined;
  let fd: number;
  try {
    fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_APPEND | constants.O_CREAT, 0o644);
  } catch (error) {
    warn(`${progressVariable}: ${path} cannot be opened, no progress is reported there (${String(error)})`);
    return undefined;
  }
  let isBroken = false;
  return {
    write: (line) => {
      if (isBroken) return;
      try {
        writeSync(fd, line);
      } catch (error) {
        isBroken = (error as NodeJS.ErrnoException).code !== 'EAGAIN';
      }
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
}
