import { expect, test } from 'vitest';
import { formatYaml } from '../deployment/yaml-text.ts';
import { emptyHostDocument } from '../status/empty-host-document.ts';
import type { HostDocument } from '../status/host-document.ts';
import { planEdit } from './edit.ts';

const image = { image: 'registry.example/os:1', transport: 'registry' as const };
const current: HostDocument = { ...emptyHostDocument(), spec: { image, bootOrder: 'default' } };

function edited(change: (spec: { image: unknown; bootOrder?: unknown }) => void): string {
  const document = structuredClone(current);
  change(document.spec);
  return formatYaml(document);
}

test('what status prints is no change, as YAML or JSON', () => {
  expect(planEdit(current, formatYaml(current))).toEqual({ kind: 'nothing' });
  expect(planEdit(current, JSON.stringify(current))).toEqual({ kind: 'nothing' });
  const insecure = edited((spec) => {
    spec.image = { ...image, signature: 'insecure' };
  });
  expect(planEdit(current, insecure)).toEqual({ kind: 'nothing' });
});

test('another boot order is a rollback, another image a switch', () => {
  const order = edited((spec) => {
    spec.bootOrder = 'rollback';
  });
  expect(planEdit(current, order)).toEqual({ kind: 'rollback' });
  const other = edited((spec) => {
    spec.image = { image: '/srv/os', transport: 'oci', signature: 'containerPolicy' };
  });
  expect(planEdit(current, other)).toEqual({
    kind: 'switch',
    target: { image: '/srv/os', transport: 'oci', signature: 'containerPolicy' },
  });
});

test.each([
  ['both at once', edited((spec) => Object.assign(spec, { bootOrder: 'rollback', image: null })), 'at once'],
  [
    'no image',
    edited((spec) => {
      spec.image = null;
    }),
    'No image source specified',
  ],
  ['no specification', 'apiVersion: org.containers.bootc/v1\nkind: BootcHost\n', 'spec: '],
  ['another document', 'apiVersion: v1\nkind: Pod\nspec: {}\n', 'apiVersion: '],
  [
    'an unknown transport',
    edited((spec) => {
      spec.image = { ...image, transport: 'ftp' };
    }),
    'spec.image.transport',
  ],
  ['an unknown key', edited((spec) => Object.assign(spec, { bootorder: 'x' })), 'bootorder'],
  ['no YAML', '{', 'cannot be used'],
])('refused: %s', (_, text, told) => {
  expect(() => planEdit(current, text)).toThrow(told);
});
