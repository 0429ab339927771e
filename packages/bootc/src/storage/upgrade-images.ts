import type { Repository } from '@workbench/composefs';

const upgraded = new WeakSet<Repository>();

/**
 * Sees to it that what older programs imported has the images that are made at import today, so that pulling and garbage
 * collection find it as they expect it. Looks once at each repository that is opened, and changes nothing where nothing is
 * missing. Crashes as `upgradeImages`.
 *
 * @throws a system error, for example when there is no space.
 */
export async function upgradeRepositoryImages(repository: Repository): Promise<void> {
  if (upgraded.has(repository)) return;
  const { upgradeImages } = await import('@workbench/composefs');
  await upgradeImages(repository);
  upgraded.add(repository);
}
