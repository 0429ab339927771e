import { isUtf8 } from 'node:buffer';
import { CodedError } from '@workbench/run';
import type { HashAlgorithm } from '../fsverity/algorithm.ts';
import { textOf } from '../tree/byte-string.ts';
import {
  type ByteString,
  type Directory,
  emptyDirectory,
  type Leaf,
  type Metadata,
  type Node,
  zeroMetadata,
} from '../tree/tree.ts';
import { countLinks } from '../tree/walk.ts';
import { type Entry, type EntryLimits, invalid, parseEntry } from './parse-entry.ts';

/** How a dumpfile is read. */
export interface ParseOptions {
  /** What its digests are of. */
  algorithm: HashAlgorithm;
  /** Longest target of a symlink in bytes. Default: 1024, as mkcomposefs has it. */
  symlinkLimitBytes?: number;
  /** Largest content of a file in the image itself, in bytes. Default: 512, as mkcomposefs of composefs-rs has it. */
  inlineLimitBytes?: number;
}

const shownLineLength = 200;

/**
 * The tree that a dumpfile (composefs-dump(5)) describes: UTF-8 text, one entry a line, the root first and each directory before
 * what is in it. A later line for the same path replaces the earlier one.
 *
 * @throws CodedError `DUMPFILE_INVALID` or `VERITY_DIGEST` with the number of the line.
 */
export function parseDumpfile(dumpfile: Uint8Array | string, options: ParseOptions): Directory {
  const bytes = typeof dumpfile === 'string' ? Buffer.from(dumpfile) : dumpfile;
  if (!isUtf8(bytes)) throw invalid('the dumpfile is not in UTF-8');
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const limits: EntryLimits = {
    algorithm: options.algorithm,
    symlinkBytes: options.symlinkLimitBytes ?? 1024,
    inlineBytes: options.inlineLimitBytes ?? 512,
  };
  const builder = createTreeBuilder();
  let lineNumber = 0;
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(start, end > start && text[end - 1] === '\r' && newline >= 0 ? end - 1 : end);
    start = end + 1;
    lineNumber++;
    if (line.trim() === '') continue;
    try {
      builder.add(parseEntry(line.split(' '), limits));
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      const shown = line.length > shownLineLength ? `${line.slice(0, shownLineLength)}…` : line;
      throw new CodedError(error.code, `dumpfile line ${lineNumber}: ${error.message}: ${textOf(shown)}`, {
        ...(error.hint === undefined ? {} : { hint: error.hint }),
        cause: error,
      });
    }
  }
  return builder.finish();
}

function rootMetadata(entry: Entry): Metadata {
  if (entry.kind === 'directory') return entry.metadata;
  return entry.kind === 'leaf' ? entry.leaf.metadata : zeroMetadata();
}

interface TreeBuilder {
  add(entry: Entry): void;
  finish(): Directory;
}

function createTreeBuilder(): TreeBuilder {
  const root = emptyDirectory();
  const leaves = new Map<Leaf, ByteString>();
  let hasRoot = false;
  let hasReplaced = false;
  // Entries of one directory mostly follow each other.
  let recent: { path: ByteString; directory: Directory } = { path: '', directory: root };

  const findDirectory = (path: ByteString): Directory => {
    if (recent.path === path) return recent.directory;
    let directory = root;
    for (const name of path.split('/').slice(1)) {
      const next = directory.entries.get(name);
      if (next?.type !== 'directory') {
        throw invalid(
          next === undefined
            ? `the directory ${textOf(path)} does not exist`
            : `${name} in ${textOf(path)} is no directory`,
        );
      }
      directory = next;
    }
    recent = { path, directory };
    return directory;
  };
  const findLeaf = (path: ByteString): Leaf => {
    const slash = path.lastIndexOf('/');
    let node: Node | undefined = root;
    for (const name of path
      .slice(0, slash)
      .split('/')
      .slice(1)
      .concat(path.slice(slash + 1))) {
      node = node?.type === 'directory' ? node.entries.get(name) : undefined;
    }
    if (node !== undefined && node.type !== 'directory') return node;
    throw invalid(`no earlier entry ${textOf(path)} that a hard link may point to`);
  };

  return {
    add(entry) {
      if (entry.path === '/') {
        // The root is a directory whatever its line says, as mkcomposefs has it: of the line only the metadata counts.
        root.metadata = rootMetadata(entry);
        hasRoot = true;
        return;
      }
      if (!hasRoot) throw invalid('the first entry is not the root directory');
      const slash = entry.path.lastIndexOf('/');
      const name = entry.path.slice(slash + 1);
      const target = entry.kind === 'hard-link' ? findLeaf(entry.target) : undefined;
      const parent = findDirectory(entry.path.slice(0, slash));
      if (parent.entries.has(name)) {
        hasReplaced = true;
        recent = { path: '', directory: root };
      }
      if (target !== undefined) parent.entries.set(name, target);
      else if (entry.kind === 'directory') {
        parent.entries.set(name, { type: 'directory', metadata: entry.metadata, entries: new Map() });
      } else if (entry.kind === 'leaf') {
        leaves.set(entry.leaf, entry.path);
        parent.entries.set(name, entry.leaf);
      }
    },
    finish() {
      if (!hasRoot) throw invalid('the dumpfile is empty; it has to begin with the root directory');
      if (!hasReplaced) return root;
      const links = countLinks(root);
      for (const [leaf, path] of leaves) {
        if (!links.has(leaf)) throw invalid(`${textOf(path)} is replaced by a later entry and has no other name`);
      }
      return root;
    },
  };
}
