import { importImage, listTags, untagImage } from '@workbench/composefs';
import { deploymentTagPrefix } from '../deployment/deployment-tag.ts';
import { assertNoOp, collectSystemGarbage } from '../gc/collect.ts';
import { deleteDeployment } from '../operations/delete-deployment.ts';
import { finalizeStaged } from '../operations/finalize.ts';
import { rollBack } from '../operations/rollback.ts';
import { switchTo } from '../operations/switch.ts';
import { recordingEnvironment, targetOf } from '../operations/update-system.testing.ts';
import { releaseDownloaded, upgrade } from '../operations/upgrade.ts';
import { buildRootModel } from '../storage/root-model.ts';
import { Violation } from './invariants.testing.ts';
import type { Machine } from './machine.testing.ts';
import type { Random } from './random.testing.ts';

/** One thing that happens to a machine. */
export interface Step {
  name: string;
  /** Codes of the errors with which it may refuse. */
  refusals: readonly string[];
  /** Killing the program in the middle means something. */
  isInterruptible: boolean;
  run(): Promise<void>;
}

/** Tags of application images, which are none of bootc's business. */
const applicationTags = ['app/one', 'app/two:3'];

/** The next step of a random life. */
export function chooseStep(machine: Machine, random: Random): Step {
  return random.pickWeighted(stepMakers)(machine, random);
}

type StepMaker = (machine: Machine, random: Random) => Step;

const stepMakers: readonly (readonly [StepMaker, number])[] = [
  [stage, 5],
  [stageLocked, 1],
  [release, 1],
  [pull, 1],
  [untag, 1],
  [reboot, 5],
  [losePower, 2],
  [bootAnother, 1],
  [rollback, 2],
  [remove, 2],
  [collect, 2],
  [editEtc, 1],
];

function verb(name: string, refusals: readonly string[], run: () => Promise<unknown>): Step {
  return { name, refusals, isInterruptible: true, run: async () => void (await run()) };
}

function stage(machine: Machine, random: Random): Step {
  const image = random.pick(machine.images);
  return verb(`switch to ${nameOf(image)}`, ['SAME_CONTENT'], async () => {
    const id = await machine.change((storage) => switchTo(storage, targetOf(image), recordingEnvironment()));
    const { staged } = await machine.look(buildRootModel);
    if (staged?.deploymentId !== id) throw new Violation('another deployment is staged than was just staged');
  });
}

function stageLocked(machine: Machine): Step {
  // The image that the system follows stays the same, so mostly there is nothing new.
  return verb('upgrade --download-only', ['SAME_CONTENT'], () =>
    machine.change((storage) => upgrade(storage, { isDownloadOnly: true }, recordingEnvironment())),
  );
}

function release(machine: Machine): Step {
  return verb('upgrade --from-downloaded', ['NO_STAGED_DEPLOYMENT'], () =>
    machine.change((storage) => releaseDownloaded(storage, recordingEnvironment())),
  );
}

function pull(machine: Machine, random: Random): Step {
  const image = random.pick(machine.applicationImages);
  const tag = random.pick(applicationTags);
  return verb(`pull ${nameOf(image)} as ${tag}`, [], () =>
    machine.change(async (storage) => importImage(await storage.openRepository(), image, { tag, bootable: false })),
  );
}

function untag(machine: Machine, random: Random): Step {
  return verb('untag an application image', [], () =>
    machine.change(async (storage) => {
      const repository = await storage.openRepository();
      const tags = [...(await listTags(repository)).keys()].filter((name) => !name.startsWith(deploymentTagPrefix));
      if (tags.length > 0) await untagImage(repository, random.pick(tags));
    }),
  );
}

function rollback(machine: Machine): Step {
  return verb('rollback', ['NO_ROLLBACK'], async () => {
    const { nextId } = await machine.change(rollBack);
    if ((await defaultDeployment(machine)) !== nextId) throw new Violation('not what was rolled back to boots next');
    const { staged } = await machine.look(buildRootModel);
    if (staged !== undefined) throw new Violation('something is staged after a rollback');
  });
}

function remove(machine: Machine, random: Random): Step {
  return verb('delete a deployment', ['DEPLOYMENT_BOOTED'], () =>
    machine.change(async (storage) => {
      const { deployments } = await buildRootModel(storage);
      const id = random.pick([...deployments.keys()]);
      await deleteDeployment(storage, id);
      if ((await buildRootModel(storage)).deployments.has(id))
        throw new Violation('a deleted deployment is still there');
    }),
  );
}

function collect(machine: Machine): Step {
  return verb('collect garbage', [], async () => {
    await machine.change((storage) => collectSystemGarbage(storage, { isDryRun: false, onlyBootFiles: false }));
    const second = await machine.look((storage) =>
      collectSystemGarbage(storage, { isDryRun: true, onlyBootFiles: false }),
    );
    try {
      assertNoOp(second);
    } catch (error) {
      throw new Violation(`a second collection is not idle: ${(error as Error).message}`);
    }
  });
}

function reboot(machine: Machine): Step {
  return verb('reboot', [], async () => {
    const outcome = await machine.change(finalizeStaged);
    const next = await defaultDeployment(machine);
    if (outcome.kind === 'finalized' && next !== outcome.deploymentId) {
      throw new Violation(`${outcome.deploymentId.slice(0, 8)} was finalized, but ${next.slice(0, 8)} boots`);
    }
    machine.restart(next);
  });
}

function losePower(machine: Machine): Step {
  return {
    name: 'lose power',
    refusals: [],
    isInterruptible: false,
    run: async () => machine.restart(await defaultDeployment(machine)),
  };
}

function bootAnother(machine: Machine, random: Random): Step {
  return {
    name: 'boot any entry',
    refusals: [],
    isInterruptible: false,
    run: async () => {
      const { entries, deployments } = await machine.look(buildRootModel);
      const bootable = entries.filter(
        ({ set, deploymentId }) => set === 'active' && deployments.get(deploymentId)?.hasState === true,
      );
      machine.restart(random.pick(bootable).deploymentId);
    },
  };
}

function editEtc(machine: Machine, random: Random): Step {
  const name = random.pick(['hostname', 'of-image-0', 'of-image-1', 'local']);
  return {
    name: `edit /etc/${name}`,
    refusals: [],
    isInterruptible: false,
    run: async () => machine.editEtc(name, `edited ${random.below(1000)}`),
  };
}

async function defaultDeployment(machine: Machine): Promise<string> {
  const { entries } = await machine.look(buildRootModel);
  const first = entries.find((entry) => entry.set === 'active');
  if (first === undefined) throw new Violation('there is no boot entry');
  return first.deploymentId;
}

function nameOf(image: string): string {
  return `image ${image.slice(image.lastIndexOf('/') + 1)}`;
}
