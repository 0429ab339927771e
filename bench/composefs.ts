/**
 * Compares our composefs with cfsctl, in turn on the same machine: time by the clock as a ratio, time of the processors, and
 * the peak of memory; and that both make the same. The time that starting the program takes, which no amount of data
 * changes, is told apart. Run `just bench-composefs [CASE…]` after `just build`; without a case, all
 * are run.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CodedError, describeError, readToolArguments, run } from '@workbench/run';
import { type BenchCase, benchCases, type Program } from './composefs-cases.ts';
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

/** What a command made: the images of its new repository, or what it says. */
async function madeBy(repository: string | undefined, stdout: string): Promise<string> {
  if (repository === undefined) return stdout.match(/[0-9a-f]{128}/g)?.at(-1) ?? '';
  const names = await readdir(join(repository, 'images'));
  return names
    .filter((name) => name !== 'refs')
    .sort()
    .join(' ');
}

/** What it takes to start a program that then does nothing; the rest grows with the data. */
async function timeStart(program: Program, rounds: number): Promise<CommandTime> {
  const times: CommandTime[] = [];
  for (let round = 0; round < rounds; round++) {
    times.push(await timeCommand([...program.command, '--help'], `${program.name} --help`));
  }
  return medianTime(times);
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
          const argv = [...program.command, ...target, ...(benchCase.fill?.(folder) ?? [])];
          await run(argv as [string, ...string[]], { step: `${program.name} import`, timeoutMs: 900_000 });
        }
        await run(['sync', '--file-system', work], { step: 'sync' });
        const argv = [...program.command, ...target, ...benchCase.arguments(folder, program)];
        const time = await timeCommand(argv as [string, ...string[]], `${program.name}: ${benchCase.what}`);
        times.get(program.name)?.push(time);
        made.add(await madeBy(benchCase.repository === 'import' ? repository : undefined, time.stdout));
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

function printResult(
  name: string,
  benchCase: BenchCase,
  results: { times: Record<string, CommandTime>; starts: Record<string, CommandTime> },
): boolean {
  const { ours, cfsctl } = results.times as { ours: CommandTime; cfsctl: CommandTime };
  const starts = results.starts as { ours: CommandTime; cfsctl: CommandTime };
  const ratio = ours.wallMs / cfsctl.wallMs;
  const isGood = ratio <= benchCase.goodRatio;
  const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
  const show = ({ wallMs, cpuMs, peakBytes, leastWallMs }: CommandTime, start: CommandTime) =>
    [
      `${seconds(wallMs)} (least ${seconds(leastWallMs)}, start ${seconds(start.wallMs)})`,
      `${seconds(cpuMs)} of processors (start ${seconds(start.cpuMs)})`,
      `${Math.round(peakBytes / 2 ** 20)} MiB`,
    ].join(', ');
  const others = [
    `${(ours.leastWallMs / cfsctl.leastWallMs).toFixed(2)} of the least times`,
    `${(ours.cpuMs / cfsctl.cpuMs).toFixed(2)} of processors`,
    `${rest(ours.wallMs - starts.ours.wallMs, cfsctl.wallMs - starts.cfsctl.wallMs)} without the start`,
    `${rest(ours.cpuMs - starts.ours.cpuMs, cfsctl.cpuMs - starts.cfsctl.cpuMs)} of processors without it`,
  ];
  console.log(`${name}: ${benchCase.what}`);
  console.log(`  ours    ${show(ours, starts.ours)}`);
  console.log(`  cfsctl  ${show(cfsctl, starts.cfsctl)}`);
  console.log(`  ratio   ${ratio.toFixed(2)}, ${isGood ? 'good up to' : 'MORE than'} ${benchCase.goodRatio}`);
  console.log(`          ${others.join(', ')}`);
  return isGood;
}

// What is left of a short command is below what is counted.
function rest(oursMs: number, theirsMs: number): string {
  return theirsMs >= 10 ? Math.max(oursMs / theirsMs, 0).toFixed(2) : '(too short)';
}

async function main(): Promise<void> {
  const given = readToolArguments({
    usage: 'just bench-composefs [CASE…]',
    about: `Compares our composefs with cfsctl. Cases, all by default: ${Object.keys(benchCases).join(', ')}`,
    options: {
      rounds: { type: 'string', default: '5', describe: 'how often each is run; the median counts; default: 5' },
      folder: { type: 'string', describe: 'where it happens, on the file system to measure; default: target/bench' },
    },
    takesWords: true,
  });
  if (given === undefined) return;
  const { values, positionals } = given;
  const folder = resolve(values.folder ?? join(root, 'target/bench'));
  await mkdir(folder, { recursive: true });
  const programs = await makePrograms(folder);
  const starts: Record<string, CommandTime> = {};
  for (const program of programs) starts[program.name] = await timeStart(program, Number(values.rounds));
  let areGood = true;
  for (const name of positionals.length > 0 ? positionals : Object.keys(benchCases)) {
    const benchCase = benchCases[name];
    if (benchCase === undefined) {
      throw new CodedError('BENCH_CASE', `there is no case ${name}`, { hint: Object.keys(benchCases).join(', ') });
    }
    const times = await runCase(benchCase, { folder, programs, rounds: Number(values.rounds) });
    areGood = printResult(name, benchCase, { times, starts }) && areGood;
  }
  if (!areGood) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(describeError(error));
  process.exitCode = error instanceof CodedError ? error.exitCode : 1;
}
