import { formatAlgorithm } from '../fsverity/algorithm.ts';
import type { ImageCheck } from '../oci/check-images.ts';
import type { FsckReport } from '../repository/check.ts';
import type { HurtObject } from '../repository/hurt-objects.ts';
import type { ImportCounters } from '../repository/layer-builder.ts';
import type { Repository } from '../repository/repository.ts';

/** The lines of a check, as `cfsctl fsck` words them. */
export function formatFsck(report: FsckReport): string {
  const ratio = (name: string, checked: number, corrupted: number) => `${name}: ${checked - corrupted}/${checked} ok`;
  const lines = [
    `meta.json: ${report.hasMetadata ? 'ok' : 'missing'}`,
    ratio('objects', report.objectsChecked, report.objectsCorrupted),
    ratio('streams', report.streamsChecked, report.streamsCorrupted),
    ratio('images', report.imagesChecked, report.imagesCorrupted),
  ];
  if (report.brokenLinks > 0) lines.push(`broken symlinks: ${report.brokenLinks}`);
  if (report.missingObjects > 0) lines.push(`missing objects: ${report.missingObjects}`);
  lines.push(report.ok ? 'status: ok' : `status: ${report.errors.length} error(s)`);
  return [...lines, ...report.errors.map((error) => `  - ${error}`)].join('\n');
}

/** How a repository is configured: what cfsctl never prints. */
export function formatConfiguration({ algorithm, isSecure, erofsFormats, isReadOnly }: Repository): string {
  const formats = [erofsFormats.default, ...erofsFormats.extra].join(', ');
  const verity = isSecure ? 'required, the kernel checks what it reads' : 'not required, digests are computed';
  const lines = [`algorithm: fsverity-${formatAlgorithm(algorithm)}`, `verity: ${verity}`, `formats: ${formats}`];
  return [...lines, ...(isReadOnly ? ['written by a later version: only to be read'] : [])].join('\n');
}

/** Which images are hurt by what, one line for each pair; objects that nothing needs come last. */
export function formatHurt(hurtObjects: readonly HurtObject[]): string {
  const byNeeder = new Map<string, string[]>();
  const unneeded: string[] = [];
  for (const { digest, problem, needers } of hurtObjects) {
    const line = `object ${digest} is ${problem}`;
    if (needers.length === 0) unneeded.push(`  - ${line}, but nothing needs it: cfs gc`);
    for (const needer of needers) byNeeder.set(needer, [...(byNeeder.get(needer) ?? []), line]);
  }
  const lines = [...byNeeder].flatMap(([needer, problems]) => problems.map((problem) => `  - ${needer}: ${problem}`));
  return ['hurt:', ...lines, ...unneeded].join('\n');
}

/** What `oci fsck` adds to the lines of {@link formatFsck}. */
export function formatImageCheck(check: ImageCheck): string {
  const lines = [`oci images: ${check.imagesChecked - check.imagesCorrupted}/${check.imagesChecked} ok`];
  if (check.errors.length > 0) lines.push(`oci errors: ${check.errors.length}`);
  return [...lines, ...check.errors.map((error) => `  - ${error}`)].join('\n');
}

/** The JSON of a check, with the keys of `cfsctl fsck --json`. */
export function fsckJson(repository: Repository, report: FsckReport): Record<string, unknown> {
  return {
    ok: report.ok,
    has_metadata: report.hasMetadata,
    objects_checked: report.objectsChecked,
    objects_corrupted: report.objectsCorrupted,
    streams_checked: report.streamsChecked,
    streams_corrupted: report.streamsCorrupted,
    images_checked: report.imagesChecked,
    images_corrupted: report.imagesCorrupted,
    broken_links: report.brokenLinks,
    missing_objects: report.missingObjects,
    errors: report.errors,
    // Beyond what cfsctl prints.
    algorithm: `fsverity-${formatAlgorithm(repository.algorithm)}`,
    verity: report.verity,
    erofs_formats: repository.erofsFormats,
    read_only: repository.isReadOnly,
    hurt_objects: report.hurtObjects.map(({ digest, problem, needers }) => ({ digest, problem, needers })),
  };
}

/** The counters of an import, as `cfsctl oci pull` words them. */
export function formatCounters(counters: ImportCounters): string {
  const { hardlinked, reflinked, copied, present, storedBytes, hardlinkedBytes, reflinkedBytes } = counters;
  const inlined = `${formatBytes(counters.inlinedBytes)} inlined`;
  if (hardlinked + reflinked === 0) {
    return `${copied} new + ${present} already present objects; ${formatBytes(storedBytes)} stored, ${inlined}`;
  }
  const kinds: [count: number, word: string, bytes: number][] = [
    [reflinked, 'reflinked', reflinkedBytes],
    [hardlinked, 'hardlinked', hardlinkedBytes],
    [copied, 'copied', storedBytes - hardlinkedBytes - reflinkedBytes],
  ];
  const shown = kinds.filter(([count, word]) => count > 0 || word === 'copied');
  const objects = shown.map(([count, word]) => `${count} ${word}`).join(' + ');
  const bytes = shown.map(([, word, size]) => `${formatBytes(size)} ${word}`).join(', ');
  return `${objects} + ${present} already present objects; ${bytes}, ${inlined}`;
}

/** A number of bytes with a binary unit and two decimals, whole below 1 KiB. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1024 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(2)} ${units[power]}`;
}

/** A table with a heading, drawn as `cfsctl` draws it. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const rule = (left: string, line: string, cross: string, right: string) =>
    left + widths.map((width) => line.repeat(width + 2)).join(cross) + right;
  const text = (row: readonly string[]) => `│ ${widths.map((width, i) => (row[i] ?? '').padEnd(width)).join(' ┆ ')} │`;
  const [heading, ...body] = rows.map(text);
  return [
    rule('┌', '─', '┬', '┐'),
    heading,
    rule('╞', '═', '╪', '╡'),
    body.join(`\n${rule('├', '╌', '┼', '┤')}\n`),
    rule('└', '─', '┴', '┘'),
  ].join('\n');
}
