import { devSession } from './dev-session.ts';
import { printJson, printLines } from './print.ts';
import { defineVerb } from './verb.ts';

export const devSysextStatus = defineVerb({
  positionals: {},
  options: { json: { type: 'boolean', describe: 'print it as JSON' } },
  run: async (args) => {
    const { devPlaces } = await import('../dev/dev-places.ts');
    const { listSysextVersions } = await import('../dev/sysext.ts');
    const { buildIdIn } = await import('../dev/sync.ts');
    const session = await devSession();
    const { stdout } = await session.script('systemd-sysext status\nbootc --version\n', {
      step: 'ask the guest for its extensions',
    });
    const versions = await listSysextVersions(devPlaces.sysext);
    const buildId = buildIdIn(stdout);
    if (args.json) printJson({ versions, guest: { buildId, text: stdout } });
    else {
      printLines([
        ...versions.map((version) => {
          const marks = [version.isCurrent ? 'current' : '', version.buildId === buildId ? 'in the guest' : ''];
          return `${version.name}  ${marks.filter((mark) => mark !== '').join(', ')}`.trimEnd();
        }),
        ...stdout.trimEnd().split('\n'),
      ]);
    }
    return 0;
  },
});
