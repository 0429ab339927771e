import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readSaveImage, renameSaveImage, saveImageBytes } from './save-image.ts';

const stream = 'QEVM and so on';

function saveImage(change: { magic?: string; compressed?: number; cookie?: string } = {}): string {
  const [xml, cookie] = ['<domain/>', change.cookie ?? '<cookie>c</cookie>'];
  const data = Buffer.alloc(200);
  data.write(xml);
  data.write(cookie, xml.length + 1);
  const head = Buffer.alloc(92);
  head.write(change.magic ?? 'LibvirtQemudSave');
  [2, data.length, 1, change.compressed ?? 0, cookie === '' ? 0 : xml.length + 1].forEach((word, index) => {
    head.writeUInt32LE(word, 16 + 4 * index);
  });
  const file = join(mkdtempSync(join(tmpdir(), 'save-image-')), 'memory');
  writeFileSync(file, Buffer.concat([head, data, Buffer.from(stream)]));
  return file;
}

test.each(['<cookie>c</cookie>', ''])('another domain stands before the same memory (cookie %j)', (cookie) => {
  const file = saveImage({ cookie });
  const head = readSaveImage(file);
  expect(head).toMatchObject({ dataBytes: 200, cookie });
  for (const xml of ['<domain>ö, and much longer than it was</domain>', '<d/>']) {
    renameSaveImage(file, head, xml);
    expect(readSaveImage(file)).toMatchObject({ dataBytes: 200, cookie });
    const bytes = readFileSync(file);
    expect(bytes.toString('utf8', 92, bytes.indexOf(0, 92))).toBe(xml);
    expect(bytes.toString('utf8', 292)).toBe(stream);
  }
});

test('what was there before does not matter: a rewriting that was cut short is made good by the next', () => {
  const file = saveImage();
  const head = readSaveImage(file);
  const whole = saveImageBytes(head, '<domain>x</domain>');
  writeFileSync(file, Buffer.concat([Buffer.alloc(150, 1), readFileSync(file).subarray(150)]));
  renameSaveImage(file, head, '<domain>x</domain>');
  expect(readFileSync(file).subarray(0, whole.length).equals(whole)).toBe(true);
});

test('no room, a half-written file and a compressed one are errors', () => {
  expect(() => saveImageBytes(readSaveImage(saveImage()), 'x'.repeat(200))).toThrow('of 200');
  expect(() => readSaveImage(saveImage({ magic: 'LibvirtQemudPart' }))).toThrow('does not begin as one');
  expect(() => readSaveImage(saveImage({ compressed: 1 }))).toThrow('compressed');
});
