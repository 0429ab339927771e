import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { expect, test } from 'vitest';
import { makeProgressBar } from './progress-bar.ts';
import { makeProgressLines, openProgressDescriptor } from './progress-lines.ts';

const at = (bytesDone: number, layersDone: number, phase: 'layers' | 'images' = 'layers') => ({
  phase,
  bytesDone,
  bytesTotal: 100,
  layersDone,
  layersTotal: 2,
});

test('the first line says which version; then at most five a second, but every finished layer and the end', () => {
  const lines: string[] = [];
  let now = 0;
  const progress = makeProgressLines({ write: (line) => void lines.push(line), now: () => now });
  expect(lines).toEqual([]);
  progress.report(at(10, 0));
  progress.report(at(20, 0));
  now += 100;
  progress.report(at(50, 1));
  progress.report(at(60, 1));
  now += 200;
  progress.report(at(70, 1));
  progress.report(at(100, 2, 'images'));
  expect(lines.map((line) => line.endsWith('\n'))).not.toContain(false);
  const events = lines.map((line) => JSON.parse(line));
  expect(events.map(({ bytes }) => bytes)).toEqual([undefined, 10, 50, 70, 100]);
  expect(lines[0]).toBe('{"type":"Start","version":"0.1.0"}\n');
  expect(events[1]).toEqual({
    type: 'ProgressBytes',
    task: 'pulling',
    description: 'Pulling composefs image',
    id: 'composefs-pull',
    bytesCached: 0,
    bytes: 10,
    bytesTotal: 100,
    stepsCached: 0,
    steps: 0,
    stepsTotal: 2,
    subtasks: [
      {
        subtask: 'composefs_layer',
        description: 'Reading layers',
        id: 'layer 1 of 2',
        bytesCached: 0,
        bytes: 10,
        bytesTotal: 100,
      },
    ],
  });
});

test('a reader that has gone ends the lines, not the import', () => {
  let calls = 0;
  const write = (): void => {
    calls += 1;
    throw new Error('EPIPE');
  };
  const progress = makeProgressLines({ write, now: () => 0 });
  progress.report(at(10, 0));
  progress.report(at(50, 1));
  expect(calls).toBe(1);
});

test('only an open pipe above standard error gets the lines', () => {
  const folder = dirSync({ unsafeCleanup: true });
  using _folder = { [Symbol.dispose]: () => folder.removeCallback() };
  for (const fd of ['0', '1', '2']) expect(() => openProgressDescriptor(fd)).toThrow('are taken');
  expect(() => openProgressDescriptor('x')).toThrow('it is no number');
  expect(() => openProgressDescriptor('9999')).toThrow('it is not open');
  const file = openSync(join(folder.name, 'file'), 'w');
  expect(() => openProgressDescriptor(String(file))).toThrow('it is no pipe');
  closeSync(file);
  const fifo = join(folder.name, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const pipe = openSync(fifo, 'r+');
  expect(openProgressDescriptor(String(pipe))).toBeTypeOf('function');
  closeSync(pipe);
});

test('the bar is one line that is taken away in the end', () => {
  const shown: string[] = [];
  const bar = makeProgressBar({ write: (text) => void shown.push(text), now: () => 0 });
  bar.end();
  bar.report(at(50, 1));
  bar.end();
  expect(shown).toEqual(['\r\u001b[KReading layers 1/2 [############............] 50 B of 100 B', '\r\u001b[K']);
});
