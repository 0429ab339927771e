import { basename, dirname, extname, join } from 'node:path';
import { CodedError } from '@workbench/run';
import { parse } from 'ini';
import { type ImageFiles, readThroughLinks } from './image-files.ts';

/** An application image that belongs to an image of the system, as its file names it. */
export interface BoundImage {
  image: string;
  /** File of credentials for it (`AuthFile=`), a path on the system. */
  authFile?: string;
  /** Name of its file in the folder of bound images. */
  fileName: string;
}

/** Where an image of the system names what it binds. */
export const boundImagesFolder = 'usr/lib/bootc/bound-images.d';
/** Kinds of podman-systemd.unit(5) files that name an image. */
const sections: Readonly<Record<string, string>> = { '.container': 'Container', '.image': 'Image' };

/**
 * The logically bound images of a system: what the files (mostly links to units of podman) in its folder for that name. In
 * the order of file names, each image once.
 *
 * @throws CodedError `BOUND_IMAGE_INVALID` for a file that names no image that could be pulled.
 */
export async function readBoundImages(files: ImageFiles): Promise<BoundImage[]> {
  const found: BoundImage[] = [];
  for (const fileName of (await files.list(boundImagesFolder)).toSorted()) {
    const image = await readBoundImage(files, fileName);
    if (!found.some((other) => other.image === image.image)) found.push(image);
  }
  return found;
}

async function readBoundImage(files: ImageFiles, fileName: string): Promise<BoundImage> {
  const unit = await readUnit(files, join(boundImagesFolder, fileName), fileName);
  // A container may name the unit of its image, which is beside it then.
  const named = extname(unit.image) === '.image' ? join(dirname(unit.path), unit.image) : undefined;
  const { image, authFile } = named === undefined ? unit : await readUnit(files, named, fileName);
  for (const value of [image, authFile ?? '']) {
    if (value.includes('%')) throw invalid(fileName, `systemd specifiers are not expanded in ${value}`);
  }
  return { image, fileName, ...(authFile === undefined ? {} : { authFile }) };
}

async function readUnit(
  files: ImageFiles,
  path: string,
  fileName: string,
): Promise<{ image: string; authFile?: string; path: string }> {
  const file = await readThroughLinks(files, path);
  if (file === undefined) throw invalid(fileName, `${path} leads to no file of the image`);
  const section = sections[extname(file.path)] ?? sections[extname(fileName)];
  if (section === undefined) throw invalid(fileName, `${basename(file.path)} is neither a .container nor a .image`);
  const values: unknown = parse(file.text)[section];
  const value = (key: string): string | undefined => {
    const text =
      typeof values === 'object' && values !== null && key in values
        ? (values as Record<string, unknown>)[key]
        : undefined;
    return typeof text === 'string' && text !== '' ? text : undefined;
  };
  const image = value('Image');
  if (image === undefined) throw invalid(fileName, `${file.path} has no Image= in [${section}]`);
  const authFile = value('AuthFile');
  return { image, path: file.path, ...(authFile === undefined ? {} : { authFile }) };
}

function invalid(fileName: string, problem: string): CodedError {
  return new CodedError('BOUND_IMAGE_INVALID', `the bound image ${fileName} cannot be used: ${problem}`, {
    hint: `each name in /${boundImagesFolder} is a link to a .container or .image unit with Image=`,
  });
}
