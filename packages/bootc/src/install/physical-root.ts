import { chmod, lstat, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { initRepository, type Repository, replaceSymlink } from '@workbench/composefs';
import { physicalRoot } from '../deployment/state-paths.ts';

/** The hash of all repositories of bootc. */
const algorithm = 'sha512';

/**
 * The image formats of a new repository: deployments are named by format 1; format 2 is made beside it, since older programs
 * look for that, and a unified kernel image may have been sealed with it.
 */
const erofsFormats = { default: 1, extra: [2] } as const;

/**
 * Lays out a physical root: `/boot` with a mount point for the ESP, the repository (only root may look into it), and the link
 * through which images find bootc's container storage. What is there of these already stays as it is.
 *
 * The repository gets its final verity mode here, once. Were it first made without verity, as a place to measure free space
 * say, its metadata would stay unsealed and every later opening would take it for insecure.
 */
export async function layOutPhysicalRoot(
  mount: string,
  options: { isMissingVerityAllowed: boolean },
): Promise<Repository> {
  await chmod(mount, 0o755);
  await mkdir(join(mount, 'boot/efi'), { recursive: true, mode: 0o755 });
  const path = join(mount, physicalRoot.repository);
  const repository = await initRepository(path, {
    algorithm,
    verity: options.isMissingVerityAllowed ? 'if-supported' : 'require',
    erofsFormats: { default: erofsFormats.default, extra: [...erofsFormats.extra] },
  });
  await chmod(path, 0o700);
  await mkdir(join(path, 'bootc'), { recursive: true, mode: 0o755 });
  await mkdir(join(mount, 'ostree'), { recursive: true, mode: 0o755 });
  const link = join(mount, physicalRoot.compatibilityLink);
  // A folder there is the container storage of a system that ostree installed.
  const isTaken = await lstat(link).then(
    () => true,
    () => false,
  );
  if (!isTaken) replaceSymlink(link, physicalRoot.compatibilityLinkTarget, path);
  return repository;
}
