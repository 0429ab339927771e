import { createRequire } from 'node:module';
import type { KoffiFunc } from 'koffi';

/**
 * The functions of the C library that Node has no door to, as they are declared in their man pages. Paths are passed as
 * NUL-terminated bytes. `ioctl` stands twice because its third argument is a pointer for some requests and a number for others;
 * on Linux a variadic function takes its integer arguments where a plain one does (x86-64 and arm64 ABIs).
 */
const declarations = {
  fcntl: ['fcntl', 'int', ['int', 'int', 'int']],
  flock: ['flock', 'int', ['int', 'int']],
  linkat: ['linkat', 'int', ['int', 'const void *', 'int', 'const void *', 'int']],
  renameat2: ['renameat2', 'int', ['int', 'const void *', 'int', 'const void *', 'uint']],
  syncfs: ['syncfs', 'int', ['int']],
  ioctlPointer: ['ioctl', 'int', ['int', 'unsigned long', 'void *']],
  ioctlNumber: ['ioctl', 'int', ['int', 'unsigned long', 'long']],
  lgetxattr: ['lgetxattr', 'long', ['const void *', 'const void *', 'void *', 'size_t']],
  llistxattr: ['llistxattr', 'long', ['const void *', 'void *', 'size_t']],
  lsetxattr: ['lsetxattr', 'int', ['const void *', 'const void *', 'const void *', 'size_t', 'int']],
  lremovexattr: ['lremovexattr', 'int', ['const void *', 'const void *']],
  fgetxattr: ['fgetxattr', 'long', ['int', 'const void *', 'void *', 'size_t']],
  socketpair: ['socketpair', 'int', ['int', 'int', 'int', 'void *']],
  recvmsg: ['recvmsg', 'long', ['int', 'msghdr *', 'int']],
} as const satisfies Record<string, readonly [string, string, readonly string[]]>;

/** Structures that hold pointers, as they are declared in the man pages of the calls that take them. */
const structures = {
  iovec: { iov_base: 'void *', iov_len: 'size_t' },
  msghdr: {
    msg_name: 'void *',
    msg_namelen: 'uint',
    msg_iov: 'iovec *',
    msg_iovlen: 'size_t',
    msg_control: 'void *',
    msg_controllen: 'size_t',
    msg_flags: 'int',
  },
} as const satisfies Record<string, Record<string, string>>;

/** A function of {@link declarations}. */
export type LibcFunction = keyof typeof declarations;

/** An argument of a call: a number, bytes that the call reads or fills, null, or a structure that the call reads. */
export type LibcArgument = number | Uint8Array | null | LibcStructure;

/** One of {@link structures}. */
export interface LibcStructure {
  readonly [member: string]: LibcArgument | readonly LibcStructure[];
}

type LibcCall = KoffiFunc<(...args: LibcArgument[]) => number | bigint>;

interface Libc {
  functions: Map<LibcFunction, LibcCall>;
  bind(name: LibcFunction): LibcCall;
  errno(): number;
  errnoNames: Map<number, string>;
}

let loaded: Libc | undefined;

// Loading the native module takes some 20 ms, which a program that only reads or computes should not pay.
function libc(): Libc {
  if (loaded !== undefined) return loaded;
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const library = koffi.load(null);
  const errnoNames = new Map(Object.entries(koffi.os.errno).map(([name, value]) => [value as number, name]));
  // Where Linux has two names for one number, the one that the man pages of these calls use.
  for (const name of ['EAGAIN', 'EOPNOTSUPP', 'EDEADLK']) errnoNames.set(koffi.os.errno[name] as number, name);
  for (const [name, members] of Object.entries(structures)) koffi.struct(name, members);
  loaded = {
    functions: new Map(),
    bind: (name) => {
      const [symbol, result, parameters] = declarations[name];
      return library.func(symbol, result, [...parameters]);
    },
    errno: koffi.errno,
    errnoNames,
  };
  return loaded;
}

function bound(name: LibcFunction): LibcCall {
  const { functions, bind } = libc();
  const known = functions.get(name);
  if (known !== undefined) return known;
  const made = bind(name);
  functions.set(name, made);
  return made;
}

/** What a failed call is reported with, beside its error number. */
export interface CallContext {
  /** The name that `error.syscall` shows, for example `ioctl FS_IOC_ENABLE_VERITY`. */
  syscall: string;
  /** The path, or `fd N`, that `error.path` shows; bytes are made a text only then. */
  path: string | Uint8Array;
}

// V8 waits for its own locks by futex(2) through the C library's errno, and may do so between the return of a call and the
// reading of errno here. What such a wait leaves is no certain answer; a call that failed has changed nothing, so that it can be
// made again, and an answer that comes every time is the call's own.
const answersOfFutex = ['EAGAIN', 'EINTR', 'ETIMEDOUT'];
const mostCalls = 4;

/** How an attempt at a call ended: with a result that is not negative, or with an error number. */
type Outcome = { result: number } | { errno: number };

function isCertain(outcome: Outcome, attempt: number): boolean {
  if ('result' in outcome || attempt === mostCalls) return true;
  return !answersOfFutex.includes(libc().errnoNames.get(outcome.errno) ?? '');
}

function resultOf(outcome: Outcome, context: CallContext): number {
  if ('result' in outcome) return outcome.result;
  throw systemCallError(outcome.errno, context);
}

/**
 * Calls a function and gives its result, which is not negative. A call that seems to have failed because it was interrupted or
 * would have to wait is made up to four times.
 *
 * @throws an error shaped like those of `node:fs` (`code`, `errno`, `syscall`, `path`) when the function returns -1. Error 95 is
 * named `EOPNOTSUPP` as in the man pages, where `node:fs` says `ENOTSUP`.
 */
export function callLibc(name: LibcFunction, args: readonly LibcArgument[], context: CallContext): number {
  const call = bound(name);
  const { errno } = libc();
  for (let attempt = 1; ; attempt++) {
    const returned = call(...args);
    const outcome = returned >= 0 ? { result: Number(returned) } : { errno: errno() };
    if (isCertain(outcome, attempt)) return resultOf(outcome, context);
  }
}

// What calls on other threads read and fill must not be collected before they return.
const inFlight = new Set<readonly LibcArgument[]>();

/** As {@link callLibc}, on a thread of the pool, for a call that may take long. It cannot be stopped once begun. */
export async function callLibcAsync(
  name: LibcFunction,
  args: readonly LibcArgument[],
  context: CallContext,
): Promise<number> {
  const call = bound(name);
  inFlight.add(args);
  try {
    for (let attempt = 1; ; attempt++) {
      const outcome = await outcomeOnPool(call, args);
      if (isCertain(outcome, attempt)) return resultOf(outcome, context);
    }
  } finally {
    inFlight.delete(args);
  }
}

function outcomeOnPool(call: LibcCall, args: readonly LibcArgument[]): Promise<Outcome> {
  const { errno } = libc();
  return new Promise((resolve, reject) => {
    call.async(...args, (error: Error | null, returned: number | bigint) => {
      // The error number is that of this call only until the callback returns.
      if (error !== null) reject(error);
      else resolve(returned >= 0 ? { result: Number(returned) } : { errno: errno() });
    });
  });
}

/** The error that stands for an error number, which some calls give for a part of what they do. */
export function systemCallError(errno: number, context: CallContext): NodeJS.ErrnoException {
  const code = libc().errnoNames.get(errno) ?? `E${errno}`;
  const path = showPath(context.path);
  return Object.assign(new Error(`${code}: ${context.syscall} '${path}'`), {
    errno: -errno,
    code,
    syscall: context.syscall,
    path,
  });
}

/**
 * Whether something thrown is a failed system call with one of these codes, by `node:fs` or by this folder. `EOPNOTSUPP` also
 * stands for what `node:fs` calls `ENOTSUP`.
 */
export function isSystemError(error: unknown, ...codes: string[]): error is NodeJS.ErrnoException {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return codes.includes(error.code === 'ENOTSUP' ? 'EOPNOTSUPP' : (error.code as string));
}

const nul = Uint8Array.of(0);

/** A path or name as the C library takes it. @throws TypeError if it holds a NUL byte. */
export function cString(text: string | Uint8Array): Uint8Array {
  const terminated = typeof text === 'string' ? Buffer.from(`${text}\0`) : Buffer.concat([text, nul]);
  if (terminated.indexOf(0) === terminated.length - 1) return terminated;
  throw new TypeError(`a NUL byte in the path or name ${JSON.stringify(showPath(text))}`);
}

/** A path for a message; bytes that are no UTF-8 show as replacement characters. */
export function showPath(path: string | Uint8Array): string {
  return typeof path === 'string' ? path : Buffer.from(path).toString();
}
