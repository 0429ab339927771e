import type { FsckReport } from '@workbench/composefs';
import { liveEntries } from '../gc/live-entries.ts';
import { openBootedStorage } from '../storage/booted-storage.ts';
import { buildRootModel, type RootModel } from '../storage/root-model.ts';

/** One thing that was checked on all there is of it. */
export interface Check {
  name: string;
  checked: number;
  /** One line each. */
  problems: readonly string[];
}

/**
 * Checks what boots and what it needs: the boot entries and their files, the state and the origin of the deployments, their
 * images. Of unmanaged entries only those are a problem that have a name of this program.
 */
export function checkRootModel(model: RootModel): Check[] {
  const unreadable = model.unmanaged.filter((entry) => entry.fileName.startsWith('bootc_'));
  const bootedEntries = model.entries.filter((entry) => entry.deploymentId === model.host.deploymentId);
  const liveIds = new Set(liveEntries(model).entries.map((entry) => entry.deploymentId));
  const live = [...model.deployments.values()].filter((deployment) => liveIds.has(deployment.id));
  return [
    {
      name: 'boot entries',
      checked: model.entries.length + unreadable.length,
      problems: [
        ...unreadable.map((entry) => `${entry.fileName}: ${entry.reason}`),
        ...(bootedEntries.length === 0 ? [`no entry boots the booted deployment ${model.host.deploymentId}`] : []),
        ...model.entries.flatMap(({ fileName, missingFiles }) =>
          missingFiles.map((path) => `${fileName}: ${path} is not there`),
        ),
      ],
    },
    {
      name: 'boot files',
      checked: model.artifacts.length,
      problems: model.artifacts
        .filter((artifact) => !artifact.isComplete)
        .map((artifact) => `${artifact.paths[0]}: kernel or initrd is missing`),
    },
    {
      name: 'deployments',
      checked: live.length,
      problems: [
        ...model.problems,
        ...live.flatMap((deployment) => [
          ...(deployment.hasState ? [] : [`deployment ${deployment.id} has no state folder`]),
          // Missing files of its entries are told above.
          ...deployment.problems.filter((problem) => !problem.startsWith('boot entry ')),
        ]),
      ],
    },
  ];
}

/** The result of a check of the repository as one more check. */
export function checkOfRepository(report: FsckReport): Check {
  return {
    name: 'repository',
    checked: report.streamsChecked + report.imagesChecked,
    problems: report.ok ? [] : report.errors,
  };
}

/** The lines that tell of checks: one for each, one for each problem, and one for the whole. */
export function formatChecks(checks: readonly Check[]): string[] {
  const problems = checks.flatMap((check) => check.problems);
  return [
    ...checks.flatMap((check) => [
      `${check.name}: ${check.checked} checked, ${check.problems.length === 0 ? 'ok' : `${check.problems.length} problem(s)`}`,
      ...check.problems.map((problem) => `  - ${problem}`),
    ]),
    `status: ${problems.length === 0 ? 'ok' : `${problems.length} problem(s)`}`,
  ];
}

/** Checks the booted system, prints what was checked, and returns the exit status: 1 when there is a problem. */
export async function runFsck(): Promise<number> {
  await using storage = await openBootedStorage('read', { toleratesProblems: true });
  const model = await buildRootModel(storage);
  const checks = [...checkRootModel(model), await checkImages(storage.images.hasErofsImage, model)];
  try {
    const { checkRepository } = await import('@workbench/composefs');
    checks.push(checkOfRepository(await checkRepository(await storage.openRepository(), { metadataOnly: true })));
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    checks.push({ name: 'repository', checked: 0, problems: [`it cannot be checked: ${problem}`] });
  }
  const { planRepair } = await import('./repair.ts');
  const repair = await planRepair(storage).catch(() => ({ steps: [] }));
  const told = repair.steps.length === 0 ? [] : [`${repair.steps.length} step(s) of repair: bootc internals repair`];
  process.stdout.write(`${[...formatChecks(checks), ...told].join('\n')}\n`);
  return checks.some((check) => check.problems.length > 0) ? 1 : 0;
}

async function checkImages(hasErofsImage: (id: string) => Promise<boolean>, model: RootModel): Promise<Check> {
  const ids = [...new Set(liveEntries(model).entries.map((entry) => entry.deploymentId))];
  const problems: string[] = [];
  for (const id of ids) {
    const isThere = await hasErofsImage(id).catch(() => false);
    if (!isThere) problems.push(`the repository has no image of deployment ${id}`);
  }
  return { name: 'images', checked: ids.length, problems };
}
