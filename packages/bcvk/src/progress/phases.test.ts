import { expect, test } from 'vitest';
import { createPhases } from './phases.ts';

function recorder(isTTY: boolean) {
  let text = '';
  let ms = 0;
  const phases = createPhases({ isTTY, columns: 40, write: (more: string) => (text += more) }, () => ms);
  return { phases, text: () => text, pass: (more: number) => (ms += more) };
}

test('without a terminal: plain lines, updates at most every ten seconds, and the time a step took', async () => {
  const { phases, text, pass } = recorder(false);
  await phases.run('install', 'Installing', async (phase) => {
    pass(1000);
    phase.update('too early to say');
    pass(9500);
    phase.update('half');
    phase.fact('accel', 'tcg');
    pass(500);
  });
  expect(text()).toBe('Installing: half (10.5 s)\nInstalling: done in 11.0 s\n');
  expect(phases.timings).toEqual([
    { name: 'install', startMs: 0, durationMs: 11000, outcome: 'done', facts: { accel: 'tcg' } },
  ]);
});

test('on a terminal: one line that is replaced', async () => {
  const { phases, text } = recorder(true);
  await phases.run('x', 'Installing', async (phase) => phase.update('half'));
  expect(text()).toBe('\r\u001b[KInstalling …\r\u001b[KInstalling: half\r\u001b[KInstalling: done in 0.0 s\n');
});

test('a step that fails is recorded, and its error passes through', async () => {
  const { phases } = recorder(false);
  await expect(phases.run('x', 'Trying', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(phases.timings[0]).toMatchObject({ name: 'x', outcome: 'failed' });
});
