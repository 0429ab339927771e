import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CodedError } from '@workbench/run';
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import type { Axis } from '../matrix/cell.ts';
import type { PlacedCell } from '../matrix/resolve.ts';
import { suggest } from '../matrix/suggest.ts';
import { axisOfField, type ProfileFile, profileSchema } from './profile-schema.ts';

/** A VM profile: its file as read, and the place of each value of its cell. */
export interface Profile extends Omit<ProfileFile, 'cell'> {
  readonly name: string;
  readonly file: string;
  readonly cell: PlacedCell;
}

/** Where things stand in the file, as `file:line:column`. */
interface Places {
  readonly ofValue: (path: readonly PropertyKey[]) => string;
  readonly ofKey: (path: readonly PropertyKey[]) => string;
}

/**
 * Reads a VM profile from its text.
 *
 * @param file the path that errors and sources show.
 * @throws CodedError PROFILE_INVALID (exit code 2) with every problem as `file:line:column`.
 */
export function parseProfile(text: string, file: string): Profile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    throw invalid(document.errors.map((error) => `${place(error.pos[0])}  ${error.message.split('\n')[0]}`));
  }
  const places: Places = {
    ofValue: (path) => place(offsetOf(document, path)),
    ofKey: (path) => place(offsetOfKey(document, path)),
  };
  const parsed = profileSchema.safeParse(document.toJS() ?? {});
  if (!parsed.success) throw invalid(parsed.error.issues.flatMap((issue) => describeIssue(issue, places)));

  const { cell = {}, ...rest } = parsed.data;
  const sourced: { [A in Axis]?: { value: string; from: string } } = {};
  for (const [field, value] of Object.entries(cell)) {
    const axis = axisOfField(field);
    if (axis !== undefined && value !== undefined) sourced[axis] = { value, from: places.ofValue(['cell', field]) };
  }
  return { ...rest, name: basename(file, '.yaml'), file, cell: sourced };
}

/**
 * Reads the profile NAME from `folder`.
 *
 * @throws CodedError PROFILE_UNKNOWN when there is no such file, PROFILE_INVALID when it is not a profile; exit code 2.
 */
export async function loadProfile(folder: string, name: string): Promise<Profile> {
  const names = await listProfiles(folder);
  if (!names.includes(name)) {
    const likely = suggest(name, names);
    throw new CodedError('PROFILE_UNKNOWN', `there is no VM profile '${name}' in ${folder}`, {
      exitCode: 2,
      hint: likely === undefined ? `there are: ${names.join(', ')}` : `did you mean ${likely}?`,
    });
  }
  const file = join(folder, `${name}.yaml`);
  return parseProfile(await readFile(file, 'utf8'), file);
}

/** The names of the profiles in a folder, sorted. */
export async function listProfiles(folder: string): Promise<string[]> {
  const files = await readdir(folder);
  return files
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .sort();
}

function invalid(problems: readonly string[]): CodedError {
  const [first = ''] = problems;
  const message =
    problems.length === 1 ? first : ['the VM profile is not valid', ...problems.map((line) => `  ${line}`)].join('\n');
  return new CodedError('PROFILE_INVALID', message, {
    exitCode: 2,
    hint: 'CONTRIBUTING.md, "VM profiles", lists what a profile can hold',
  });
}

/** The offset of the value at `path`, or of the nearest value around it that the file has. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let length = path.length; length >= 0; length--) {
    const node = nodeAt(document, path.slice(0, length));
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

/** The offset of the last key of `path` itself. */
function offsetOfKey(document: Document, path: readonly PropertyKey[]): number {
  const map = nodeAt(document, path.slice(0, -1));
  const pair = isMap(map) ? map.items.find(({ key }) => isScalar(key) && key.value === path.at(-1)) : undefined;
  return isScalar(pair?.key) && pair.key.range ? pair.key.range[0] : offsetOf(document, path);
}

function nodeAt(document: Document, path: readonly PropertyKey[]): unknown {
  return path.length === 0 ? document.contents : document.getIn(path, true);
}

function describeIssue(issue: z.core.$ZodIssue, places: Places): string[] {
  const name = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = fieldsAt(issue.path);
    return issue.keys.map((key) => {
      const likely = suggest(key, known);
      const help = likely === undefined ? `known are ${known.join(', ')}` : `did you mean ${likely}?`;
      return `${places.ofKey([...issue.path, key])}  ${[...issue.path, key].join('.')} is unknown: ${help}`;
    });
  }
  const where = places.ofValue(issue.path);
  if (issue.code === 'invalid_value') return [`${where}  ${name} must be one of ${issue.values.join(', ')}`];
  return [`${where}  ${name === '' ? 'the file' : name}: ${issue.message}`];
}

/** The names that the object at `path` of a profile may have. */
function fieldsAt(path: readonly PropertyKey[]): string[] {
  let schema: z.core.$ZodType = profileSchema;
  for (const key of path) {
    const shape = shapeOf(schema);
    const next = shape[String(key)];
    if (next === undefined) return [];
    schema = next;
  }
  return Object.keys(shapeOf(schema));
}

function shapeOf(schema: z.core.$ZodType): Readonly<Record<string, z.core.$ZodType>> {
  const definition = schema._zod.def as {
    innerType?: z.core.$ZodType;
    shape?: Readonly<Record<string, z.core.$ZodType>>;
  };
  if (definition.innerType !== undefined) return shapeOf(definition.innerType);
  return definition.shape ?? {};
}
