/**
 * Compares our composefs with cfsctl, in turn on the same machine: time by the clock as a ratio, time of the processors, and
 * the peak of memory; and that both make the same. Run `just bench-composefs [CASE…]` after `just build`; without a case, all
 * are run.
 *
 * `--rounds N`: of which the median counts (default 5). `--folder DIR`: where it all happens (default target/bench), on the
 * file system that is to be measured.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CodedError, describeError, run } from '@workbench/run';
import { type BenchCase, benchCases, type Program, pullLayout } from './composefs-cases.ts';
import { type CommandTime, medianTime, timeCommand } from './time-command.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The program as it is in an image, since that is what people run. */
async function makePrograms(folder: string): Promise<Program[]> {
  const guest = join(folder, 'guest');
  await run([process.execPath, join(root, 'packages/bootc/bundle.ts'), `--output=${guest}`], { step: 'bundle ours' });
  const library = join(guest, 'usr/lib/bootc');
  return [
    {
      name: 'ours',
      command: [join(library, 'node'), join(library, 'bootc.cjs'), 'internals', 'cfs'],
      directStorage: [],
    },
    { name: 'cfsctl', command: [join(root, 'target/tools/bin/cfsctl')], directStorage: ['--local-fetch', 'auto'] },
  ];
}

const algorithm = 'fsverity-sha512-12';

async function makeRepository(program: Program, path: string): Promise<void> {
  await run([...program.command, 'init', '--insecure', '--algorithm', algorithm, path], {
    step: `${program.name} init`,
  });
}

/** What a command says it made, apart from figures that are each program's own. */
function madeBy(stdout: string): string {
  return stdout.match(/[0-9a-f]{128}/g)?.at(-1) ?? '';
}

/** Nothing is removed between the rounds: what file systems do with what was just freed would be measured too. */
async function runCase(
  benchCase: BenchCase,
  options: { folder: string; programs: readonly Program[]; rounds: number },
): Promise<Record<string, CommandTime>> {
  const { folder, programs, rounds } = options;
  await benchCase.prepare(folder);
  const work = join(folder, 'work');
  await mkdir(work, { recursive: true });
  const times = new Map(programs.map(({ name }) => [name as string, [] as CommandTime[]]));
  const made = new Set<string>();
  try {
    for (let round = 0; round < rounds; round++) {
      for (const program of programs) {
        const repository = join(work, benchCase.repository === 'keep' ? program.name : `${program.name}-${round}`);
        const target = benchCase.repository === 'none' ? ['--no-repo'] : ['--repo', repository];
        if (benchCase.repository === 'import' || (benchCase.repository === 'keep' && round === 0)) {
          await makeRepository(program, repository);
        }
        if (benchCase.repository === 'keep' && round === 0) {
          await run([...program.command, ...target, ...pullLayout(folder)], { step: `${program.name} import` });
        }
        await run(['sync', '--file-system', work], { step: 'sync' });
        const argv = [...program.command, ...target, ...benchCase.arguments(folder, program)];
        const time = await timeCommand(argv as [string, ...string[]], `${program.name}: ${benchCase.what}`);
        times.get(program.name)?.push(time);
        made.add(madeBy(time.stdout));
      }
    }
    if (made.size > 1) {
      throw new CodedError('IDS_DIFFER', `${benchCase.what}: the two make different things: ${[...made].join(', ')}`, {
        hint: 'run both by hand and compare what they print',
      });
    }
    if (benchCase.repository === 'import') await checkOurs(programs, join(work, 'ours-0'));
  } finally {
    await rm(work, { recursive: true });
  }
  return Object.fromEntries([...times].map(([name, all]) => [name, medianTime(all)]));
}

/** cfsctl, the judge, finds our repository clean. */
async function checkOurs(programs: readonly Program[], repository: string): Promise<void> {
  const judge = programs.find(({ name }) => name === 'cfsctl') as Program;
  for (const verb of [['fsck'], ['oci', 'fsck']]) {
    await run([...judge.command, '--repo', repository, ...verb], { step: `cfsctl ${verb.join(' ')} of ours` });
  }
}

function printResult(name: string, benchCase: BenchCase, times: Record<string, CommandTime>): boolean {
  const { ours, cfsctl } = times as { ours: CommandTime; cfsctl: CommandTime };
  const ratio = ours.wallMs / cfsctl.wallMs;
  const isGood = ratio <= benchCase.goodRatio;
  const show = ({ wallMs, cpuMs, peakBytes }: CommandTime) =>
    [
      `${(wallMs / 1000).toFixed(2)} s`,
      `${(cpuMs / 1000).toFixed(2)} s of processors`,
      `${Math.round(peakBytes / 2 ** 20)} MiB`,
    ].join(', ');
  console.log(`${name}: ${benchCase.what}`);
  console.log(`  ours    ${show(ours)}`);
  console.log(`  cfsctl  ${show(cfsctl)}`);
  console.log(`  ratio   ${ratio.toFixed(2)}, ${isGood ? 'good up to' : 'MORE than'} ${benchCase.goodRatio}`);
  return isGood;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { rounds: { type: 'string', default: '5' }, folder: { type: 'string' } },
  });
  const folder = resolve(values.folder ?? join(root, 'target/bench'));
  await mkdir(folder, { recursive: true });
  const programs = await makePrograms(folder);
  let areGood = true;
  for (const name of positionals.length > 0 ? positionals : Object.keys(benchCases)) {
    const benchCase = benchCases[name];
    if (benchCase === undefined) {
      throw new CodedError('BENCH_CASE', `there is no case ${name}`, { hint: Object.keys(benchCases).join(', ') });
    }
    const times = await runCase(benchCase, { folder, programs, rounds: Number(values.rounds) });
    areGood = printResult(name, benchCase, times) && areGood;
  }
  if (!areGood) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(describeError(error));
  process.exitCode = 1;
}
