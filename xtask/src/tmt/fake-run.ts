import { mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, vi } from 'vitest';
import { bcvkOptions } from '../matrix/bcvk-options.ts';
import { defaultCell } from '../matrix/cell.ts';
import type { RunReport } from '../report/plan-report.ts';
import { type FakeGuest, fakeGuest, fastClock } from '../vm/fake-guest.ts';
import { type RunOptions, runTmt } from './run-tmt.ts';

/** A tmt that lists the plans it is given, and whose tests are the shell commands in `on-tmt`. */
const tmtScript = `for word; do
  case "$word" in
  export) cat "$folder/plans"; exit ;;
  --id=*) id=\${word#*=} ;;
  --environment=BOOTC_plan_nonce=*) nonce=\${word##*=} ;;
  --name=^*) plan=$(echo "\${word#*=}" | tr -d '^$') ;;
  esac
done
echo "$*" >"$folder/tmt-call"
console=$(cat "$folder/console-path")
results() {
  mkdir -p "$id$plan/execute/data"
  printf 'FAIL: one check\\n' >"$id$plan/execute/data/output.txt"
  printf -- '- name: /tests/one\\n  result: %s\\n  duration: 00:00:07\\n  note: []\\n  log: [data/output.txt]\\n' "$1" \\
    >"$id$plan/execute/results.yaml"
}
token() { printf '\\r\\nplan-result: pass %s\\r\\n' "$nonce" >>"$console"; }
. "$folder/on-tmt"
`;

/** For tests: a whole run of plans, of which only bcvk, ssh, podman and tmt are shell scripts. */
export interface FakeRun {
  readonly guest: FakeGuest;
  /** The repository of the run. */
  readonly root: string;
  /** What the run printed. */
  readonly printed: string[];
  readonly controller: AbortController;
  /** Shell commands of the tests. `results WORD` records a result, `token` prints the token, `$state` and `$console` as in a fake guest. */
  onTmt(script: string): void;
  /** The plans that there are. */
  plans(...names: string[]): void;
  /** What {@link FakeRun.runIt} runs. */
  options(change?: Partial<RunOptions>): RunOptions;
  /** Runs them, and gives the exit status. */
  runIt(change?: Partial<RunOptions>): Promise<number>;
  /** The folder and report of the last run. */
  latest(): { folder: string; report: RunReport };
  /** A world whose time passes so many times faster than the real one. */
  world(speed: number): NonNullable<RunOptions['world']>;
}

/** Gives each test of a file a fake run of its own, whose programs are on PATH. */
export function useFakeRun(give: (run: FakeRun) => void): void {
  let run: FakeRun;
  beforeEach(() => {
    run = fakeRun();
    vi.stubEnv('PATH', run.guest.path);
    vi.stubEnv('TMPDIR', run.guest.folder);
    give(run);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(run.guest.folder, { recursive: true });
  });
}

/** Makes a fake run with one plan, /plans/one, that passes. Its programs must be put on PATH by the caller: `guest.path`. */
function fakeRun(): FakeRun {
  const guest = fakeGuest();
  const root = join(guest.folder, 'repository');
  const printed: string[] = [];
  const controller = new AbortController();
  const tmt = guest.program('tmt', tmtScript);
  mkdirSync(root);
  for (const part of ['.fmf', 'plans', 'tests']) mkdirSync(join(root, part));
  writeFileSync(
    join(root, 'tests/looking.fmf'),
    'test: ./x.sh\n/status:\n  summary: one\n/finish:\n  summary: the last\n',
  );
  const world = (speed: number): NonNullable<RunOptions['world']> => ({
    repository: root,
    target: join(root, 'target'),
    runsRoot: join(root, 'target/runs'),
    tmt,
    clock: fastClock(speed),
  });
  const run: FakeRun = {
    guest,
    root,
    printed,
    controller,
    onTmt: (script) => writeFileSync(join(guest.folder, 'on-tmt'), `${script}\n`),
    plans: (...names) => {
      const exported = names.map((name) => ({
        name,
        enabled: true,
        discover: [{ how: 'fmf', test: `^${name.replace('/plans/', '/tests/')}/` }],
        'extra-try_bind_storage': name.includes('upgrade'),
        'extra-fresh_boot': name.includes('fresh'),
        'extra-changes_nothing': name.includes('looking'),
      }));
      writeFileSync(join(guest.folder, 'plans'), JSON.stringify(exported));
    },
    options: (change = {}) => ({
      image: 'localhost/bootc',
      filters: [],
      tests: [],
      cell: defaultCell,
      bcvkOptions: bcvkOptions(defaultCell, { secureBootKeysDir: 'keys' }),
      bcvk: guest.bcvk,
      contexts: {},
      environment: { BOOTC_test_x: '1' },
      upgradeImage: undefined,
      preserveVm: false,
      snapshot: false,
      logDir: undefined,
      timeouts: { boot_seconds: 900, plan_seconds: 60 },
      retries: 0,
      parallel: undefined,
      signal: controller.signal,
      print: (text) => printed.push(text),
      world: world(100),
      ...change,
    }),
    runIt: (change = {}) => runTmt(run.options(change)),
    latest: () => {
      const runs = join(root, 'target/runs');
      const folder = join(runs, readlinkSync(join(runs, 'latest')));
      return { folder, report: JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')) };
    },
    world,
  };
  run.plans('/plans/one');
  run.onTmt('results pass; token');
  return run;
}
