import { fileURLToPath } from 'node:url';
import { quoteCommand } from '@workbench/run';
import type { SshTarget } from '../vm/ssh-probe.ts';

/** One plan to be run in one guest. */
export interface TmtRun {
  /** The tmt program. */
  tmt: string;
  contexts: Readonly<Record<string, string>>;
  /** Environment of the tests. */
  environment: Readonly<Record<string, string>>;
  /** tmt's folder for the run, absolute and outside of the fmf tree. */
  workFolder: string;
  target: SshTarget;
  plan: string;
  /** Only tests whose names contain one of these, and the one that ends the plan; empty: all. */
  tests: readonly string[];
}

/** Where tmt puts its scripts in the guest: its own choice is below /usr, which is read-only there. */
const scriptsFolder = '/var/lib/tmt/scripts';

/** What the name of the test ends with that ends a plan of several: it is run with whatever others are chosen. */
export const lastTest = '/finish';

/** Our plugins for tmt. */
const pluginsFolder = fileURLToPath(new URL('plugins', import.meta.url));

/** Options for contexts, which go before the verb. */
export function contextOptions(contexts: Readonly<Record<string, string>>): string[] {
  return Object.entries(contexts).map(([name, value]) => `--context=${name}=${value}`);
}

/**
 * The command that runs one plan in a guest. The step `prepare` is skipped: all it would do by itself is to install what
 * tests require, and on an image mode guest tmt does that by building an image and rebooting into it. What tests need is
 * in the image.
 */
export function tmtCommand(run: TmtRun): [string, ...string[]] {
  const environment = { TMT_SCRIPTS_DIR: scriptsFolder, BCVK_EXPORT: '1', ...run.environment };
  return [
    run.tmt,
    ...contextOptions(run.contexts),
    'run',
    `--id=${run.workFolder}`,
    '--all',
    '--skip=prepare',
    '-vvv',
    // tmt splits each into words, as a shell does.
    ...Object.entries(environment).map(([name, value]) => `--environment=${name}=${quoteCommand([value])}`),
    'provision',
    '--how=connect',
    '--guest=localhost',
    '--user=root',
    `--port=${run.target.port}`,
    `--key=${run.target.keyFile}`,
    'plan',
    `--name=^${escapeRegExp(run.plan)}$`,
    ...(run.tests.length > 0 ? ['test', `--name=${[...run.tests.map(escapeRegExp), `${lastTest}$`].join('|')}`] : []),
  ];
}

/**
 * The environment of tmt itself: its waits for a guest, in seconds, are stretched as ours are. The folder of its scripts is
 * read from here; `--environment` only reaches the tests.
 */
export function tmtEnvironment(scale: number): Record<string, string> {
  return {
    NO_COLOR: '1',
    TMT_PLUGINS: pluginsFolder,
    TMT_SCRIPTS_DIR: scriptsFolder,
    TMT_CONNECT_TIMEOUT: String(120 * scale),
    TMT_REBOOT_TIMEOUT: String(600 * scale),
    TMT_SSH_MASTER_START_TIMEOUT: String(120 * scale),
  };
}

function escapeRegExp(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
