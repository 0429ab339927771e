import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ImageReference } from '../deployment/image-reference.ts';
import { planStoragePrune } from './prune-plan.ts';

const registry = (image: string): ImageReference => ({ transport: 'registry', image });
const image = (id: string, ...names: string[]) => ({ id, names, created: '' });

test('names are compared in their whole form', () => {
  const stored = [image('1', 'localhost/os:latest'), image('2', 'docker.io/library/app:latest')];
  const managed = new Map([
    ['localhost/os:latest', ['1']],
    ['docker.io/library/app:latest', ['2']],
  ]);
  const wanted = [{ transport: 'containers-storage', image: 'localhost/os' } as const, registry('app')];
  expect(planStoragePrune(stored, managed, wanted)).toEqual({ names: [], ids: [] });
});

test('the image before an update is without a name and goes; what a person pulled or built stays', () => {
  const stored = [image('new', 'q.io/os:1'), image('old'), image('hand', 'q.io/tool:1'), image('built')];
  const managed = new Map([['q.io/os:1', ['old', 'new']]]);
  expect(planStoragePrune(stored, managed, [registry('q.io/os:1')])).toEqual({ names: [], ids: ['old'] });
  expect(planStoragePrune(stored, managed, [])).toEqual({ names: ['q.io/os:1'], ids: ['old'] });
});

test('an image that a person gave another name keeps that', () => {
  const stored = [image('1', 'q.io/os:1', 'localhost/mine:latest')];
  expect(planStoragePrune(stored, new Map([['q.io/os:1', ['1']]]), [])).toEqual({ names: ['q.io/os:1'], ids: [] });
});

const id = fc.constantFrom('1', '2', '3');
const name: fc.Arbitrary<string> = fc.constantFrom(
  'q.io/a:1',
  'q.io/b:latest',
  'localhost/c:latest',
  'docker.io/library/d:latest',
);
test('nothing that is wanted or not managed is ever planned', () => {
  const storedImage = fc.record({
    id,
    names: fc.array(name),
    created: fc.constant(''),
  });
  const managedImages = fc.array(fc.tuple(name, fc.array(id))).map((pairs) => new Map(pairs));
  const wanted = fc.array(fc.constantFrom('q.io/a:1', 'q.io/b', 'localhost/c', 'd').map(registry));
  fc.assert(
    fc.property(fc.array(storedImage), managedImages, wanted, (stored, managed, references) => {
      const plan = planStoragePrune(stored, managed, references);
      const whole = {
        'q.io/a:1': 'q.io/a:1',
        'q.io/b': 'q.io/b:latest',
        'localhost/c': 'localhost/c:latest',
        d: 'docker.io/library/d:latest',
      };
      for (const { image: wantedName } of references)
        expect(plan.names).not.toContain(whole[wantedName as keyof typeof whole]);
      for (const planned of plan.names) expect(managed.has(planned)).toBe(true);
      for (const id of plan.ids) expect([...managed.values()].flat()).toContain(id);
    }),
  );
});
