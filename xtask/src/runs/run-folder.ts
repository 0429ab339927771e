import { randomInt } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { isAlive, ownerOf } from './owner.ts';

const recordSchema = z.object({
  id: z.string(),
  /** Shown and searched for; the record has no other use for it. */
  title: z.string(),
  startedAt: z.string(),
  finishedAt: z.string().optional(),
  /** What is not wanted after the run. */
  workPath: z.string(),
  owner: z.object({ pid: z.number(), startTicks: z.string(), bootId: z.string() }),
});

/** run.json: who runs it and since when. `finishedAt` is there once the run ended in good order. */
export type RunRecord = z.infer<typeof recordSchema>;

/** The folder of one run, `target/runs/<id>/`, which holds all that the run leaves behind. */
export interface RunFolder {
  readonly id: string;
  /** Eight letters and digits, unlike those of any other run: names of VMs carry them. */
  readonly suffix: string;
  readonly path: string;
  /**
   * For what is not wanted after the run: the copy of the plans, ssh keys. It has a short path, because tmt puts its
   * sockets there, and unix(7) allows 108 bytes for the path of one. Removed by `finish`, or by the reaper.
   */
  readonly workPath: string;
  /** Makes and returns `<id>/<cell>/<plan>/`. */
  planFolder(cell: string, plan: string): string;
  /** Removes the work folder and notes the end in run.json. */
  finish(): void;
}

/** How many folders of earlier runs are kept. */
export const keptRuns = 20;

/**
 * Makes the folder of a new run below `root` (target/runs), points `root/latest` at it, and removes the oldest folders
 * so that `keep` stay (default: `keptRuns`). A folder whose run is still going on is never removed.
 */
export function createRunFolder(root: string, options: { title: string; keep?: number; now?: Date }): RunFolder {
  const { title, keep = keptRuns, now = new Date() } = options;
  const suffix = randomSuffix();
  const stamp = now.toISOString().replaceAll(/[-:]/g, '').slice(0, 15).replace('T', '-');
  const id = `${stamp}-${suffix}`;
  const path = join(root, id);
  // tmt has the folder under the same name in the guest, where it must outlive a reboot.
  const workPath = `/var/tmp/bootc-tmt-${suffix}`;
  mkdirSync(path, { recursive: true });
  const record: RunRecord = { id, title, startedAt: now.toISOString(), workPath, owner: ownerOf() };
  writeRecord(path, record);
  mkdirSync(workPath, { mode: 0o700 });
  pointLatestAt(root, id);
  pruneRuns(root, keep);
  return {
    id,
    suffix,
    path,
    workPath,
    planFolder: (cell, plan) => {
      const folder = join(path, pathWord(cell), pathWord(plan));
      mkdirSync(folder, { recursive: true });
      return folder;
    },
    finish: () => {
      rmSync(workPath, { recursive: true, force: true });
      writeRecord(path, { ...record, finishedAt: new Date().toISOString() });
    },
  };
}

/** The runs below `root`, oldest first. A folder without a readable run.json is left out: it is not ours. */
export function listRuns(root: string): { path: string; record: RunRecord }[] {
  const runs: { path: string; record: RunRecord }[] = [];
  for (const name of folderNames(root)) {
    const path = join(root, name);
    const record = readRecord(path);
    if (record !== undefined) runs.push({ path, record });
  }
  return runs;
}

/** Whether the process that makes this run is still there. */
export function isRunning(record: RunRecord): boolean {
  return record.finishedAt === undefined && isAlive(record.owner);
}

/** Removes the oldest runs until `keep` are left, and returns the paths removed. */
export function pruneRuns(root: string, keep: number): string[] {
  const runs = listRuns(root);
  const doomed = runs.slice(0, Math.max(0, runs.length - keep)).filter(({ record }) => !isRunning(record));
  for (const { path, record } of doomed) {
    rmSync(record.workPath, { recursive: true, force: true });
    rmSync(path, { recursive: true, force: true });
  }
  return doomed.map(({ path }) => path);
}

/** A name as one word of a path or of a VM's name: `/plans/a b` becomes `plans-a-b`. */
export function pathWord(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9_.]+/g, '-').replaceAll(/^[-.]+|-+$/g, '');
}

function randomSuffix(): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
  return Array.from({ length: 8 }, () => letters[randomInt(letters.length)]).join('');
}

function pointLatestAt(root: string, id: string): void {
  const temporary = join(root, `.latest-${id}`);
  symlinkSync(id, temporary);
  renameSync(temporary, join(root, 'latest'));
}

function folderNames(root: string): string[] {
  try {
    const entries = readdirSync(root, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

function writeRecord(path: string, record: RunRecord): void {
  writeFileSync(join(path, 'run.json'), `${JSON.stringify(record, null, 2)}\n`);
}

function readRecord(path: string): RunRecord | undefined {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(join(path, 'run.json'), 'utf8')));
  } catch {
    return undefined;
  }
}
