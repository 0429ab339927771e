import { readFileSync } from 'node:fs';

/**
 * The process that made something and is to remove it. A process id alone is reused by the kernel, so the time the
 * process was started at and the boot of this machine belong to it.
 */
export interface Owner {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, see proc_pid_stat(5): clock ticks from the boot to the start of the process. */
  readonly startTicks: string;
  /** /proc/sys/kernel/random/boot_id, see random(4). */
  readonly bootId: string;
}

/** The owner that a process is, this one by default. @throws Error when it does not run. */
export function ownerOf(pid = process.pid): Owner {
  const startTicks = startTicksOf(pid);
  if (startTicks === undefined) throw new Error(`process ${pid} does not run`);
  return { pid, startTicks, bootId: currentBootId() };
}

/** One word, safe in a label: `PID-TICKS-BOOTID`. */
export function formatOwner(owner: Owner): string {
  return `${owner.pid}-${owner.startTicks}-${owner.bootId}`;
}

/** Reads what `formatOwner` wrote; undefined for anything else. */
export function parseOwner(text: string): Owner | undefined {
  const match = /^(\d+)-(\d+)-([0-9a-f-]{36})$/.exec(text);
  if (match === null) return undefined;
  const [, pid = '', startTicks = '', bootId = ''] = match;
  return { pid: Number(pid), startTicks, bootId };
}

/** Whether that very process still runs. */
export function isAlive(owner: Owner): boolean {
  return owner.bootId === currentBootId() && startTicksOf(owner.pid) === owner.startTicks;
}

function currentBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function startTicksOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may hold blanks and parentheses itself.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
