import { stringify } from 'yaml';
import { ciTiers } from './ci-matrix.ts';

/** The label of a pull request that asks for the whole matrix. */
export const fullTierLabel = 'full-matrix';

/** Where the workflow lies in the repository. */
export const workflowFile = '.github/workflows/ci.yml';

const heading = `# Made by: just ci-matrix --workflow. A test keeps it equal.
#
# checks: all that needs no VM. plans: a job for each cell of the matrix and each group of plans; which cells is decided by
# the tier: ${ciTiers.quick.description} for a pull request, ${ciTiers.full.description} for one with the
# label ${fullTierLabel}, each night, and on main. Guests run by KVM where the runner has it, else emulated: a step says which.
`;

/** A Debian in which the job is root, as the README asks for; privileged for mounts, loop devices, libvirt and KVM. */
const machine = {
  'runs-on': 'ubuntu-latest',
  container: { image: 'debian:12', options: '--privileged' },
};

const prepare = [
  {
    name: 'git and certificates',
    run: 'apt-get update && apt-get install -y --no-install-recommends git ca-certificates jq',
  },
  { uses: 'actions/checkout@v4' },
  { name: 'this folder is ours', run: 'git config --global --add safe.directory "$PWD"' },
];

/** An expression of GitHub's, which it fills in before anything runs. */
const expression = (text: string): string => `\${{ ${text} }}`;

/**
 * The workflow of GitHub Actions that runs what `ci-matrix` lists, as the text of its file. Values of an event reach scripts
 * through the environment only, never as a part of their text.
 */
export function ciWorkflow(): string {
  const workflow = {
    name: 'CI',
    on: {
      push: { branches: ['main'] },
      pull_request: { types: ['opened', 'synchronize', 'reopened', 'labeled'] },
      schedule: [{ cron: '17 3 * * *' }],
      workflow_dispatch: {},
    },
    permissions: { contents: 'read' },
    concurrency: {
      group: `ci-${expression('github.ref')}`,
      'cancel-in-progress': expression("github.event_name == 'pull_request'"),
    },
    defaults: { run: { shell: 'bash' } },
    jobs: {
      checks: {
        ...machine,
        'timeout-minutes': 60,
        steps: [...prepare, { name: 'everything that needs no VM', run: './justw test' }],
      },
      matrix: {
        ...machine,
        'timeout-minutes': 20,
        outputs: { jobs: expression('steps.jobs.outputs.jobs') },
        steps: [
          ...prepare,
          {
            name: 'the jobs of this tier',
            id: 'jobs',
            env: {
              tier: expression(
                `(github.event_name != 'pull_request' || contains(github.event.pull_request.labels.*.name, '${fullTierLabel}')) && 'full' || 'quick'`,
              ),
            },
            run: 'jobs=$(./justw ci-matrix --tier="$tier")\necho "jobs=$jobs" >>"$GITHUB_OUTPUT"\n',
          },
        ],
      },
      plans: {
        ...machine,
        needs: 'matrix',
        name: expression('matrix.name'),
        'timeout-minutes': 240,
        strategy: { 'fail-fast': false, matrix: expression('fromJSON(needs.matrix.outputs.jobs)') },
        env: {
          BOOTC_CI_RETRIES: '1',
          BOOTC_profile: 'ci',
          plans: expression('matrix.plans'),
          cell: expression('toJSON(matrix.environment)'),
        },
        steps: [
          ...prepare,
          {
            name: 'the cell',
            run: `jq --raw-output 'to_entries[] | "\\(.key)=\\(.value)"' <<<"$cell" >>"$GITHUB_ENV"\n`,
          },
          { name: 'how guests run here', run: './justw doctor || true' },
          {
            name: 'the keys of a sealed cell',
            if: "matrix.environment.BOOTC_seal_state == 'sealed'",
            run: './justw generate-secureboot-keys',
          },
          {
            name: 'the plans',
            run: 'xargs ./justw test-tmt <<<"$plans"',
          },
          {
            name: 'logs and reports',
            if: 'always()',
            uses: 'actions/upload-artifact@v4',
            with: { name: `run-${expression('strategy.job-index')}`, path: 'target/runs', 'retention-days': 14 },
          },
        ],
      },
    },
  };
  return `${heading}${stringify(workflow, { lineWidth: 0, aliasDuplicateObjects: false })}`;
}
