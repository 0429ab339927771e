import { type CheckOptions, checkRepository as check, type FsckReport } from '../repository/check.ts';
import { examineObject, type ObjectProblem } from '../repository/examine-object.ts';
import type { ObjectFile } from '../repository/object-files.ts';
import type { Repository } from '../repository/repository.ts';
import { startThreads, takeProblem, usefulThreads } from './pool.ts';

/** Below this number of objects, starting threads takes longer than they save. */
const fewObjects = 500;
const objectsInTask = 32;

/** Checks a repository as `checkRepository` of the repository does, many objects on several threads. */
export async function checkRepository(
  repository: Repository,
  options: Omit<CheckOptions, 'examine'> = {},
): Promise<FsckReport> {
  return check(repository, { ...options, examine: (files) => examineAll(repository, files) });
}

async function examineAll(
  repository: Repository,
  files: readonly ObjectFile[],
): Promise<(ObjectProblem | undefined)[]> {
  const count = usefulThreads();
  if (count === 0 || files.length < fewObjects) return files.map((file) => examineObject(repository, file));
  await using threads = startThreads(repository, count);
  const tasks: Promise<(ObjectProblem | undefined)[]>[] = [];
  for (let at = 0; at < files.length; at += objectsInTask) {
    const objects = files.slice(at, at + objectsInTask);
    const outcomes = threads.leastLoaded().perform({ kind: 'examine', objects }, objects.length);
    tasks.push(outcomes.then((all) => all.map(takeProblem)));
  }
  return (await Promise.all(tasks)).flat();
}
