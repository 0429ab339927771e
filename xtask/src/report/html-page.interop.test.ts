import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { CodedError } from '@workbench/run';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findOnPath } from '../vm/choose-bcvk.ts';
import { exampleRun } from './example-run.ts';
import type { RunReport } from './plan-report.ts';
import { writeReports } from './write-reports.ts';

// The page as a person sees it: in a real browser, wide and narrow, and without JavaScript.

const root = mkdtempSync(join(tmpdir(), 'pages-'));
let browser: Browser;
let report: RunReport;

beforeAll(async () => {
  const executablePath = (await findOnPath('chromium')) ?? (await findOnPath('chromium-browser'));
  if (executablePath === undefined) {
    throw new CodedError('TOOLS_MISSING', 'there is no chromium to look at the report with', {
      hint: 'apt-get install chromium',
    });
  }
  // Browsers refuse to sandbox what root starts.
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  writeRun('20261123-090000-older000', 'composefs/systemd/bls/unsealed/xfs');
  report = writeRun(exampleRun.id, exampleRun.cell);
}, 120_000);

afterAll(async () => {
  await browser?.close();
  rmSync(root, { recursive: true });
});

/** Writes a run with all its logs and pages below `root`. */
function writeRun(id: string, cell: string): RunReport {
  const folder = join(root, id);
  const plans = exampleRun.plans.map((plan) => ({ ...plan, folder: plan.folder.replace(exampleRun.folder, folder) }));
  for (const { folder: planFolder, tests } of plans) {
    const write = (name: string, text: string): void => {
      mkdirSync(dirname(join(planFolder, name)), { recursive: true });
      writeFileSync(join(planFolder, name), text);
    };
    write(
      'console.log',
      `${'Linux version 7.2 '.repeat(40)}\n\x1b[31mKernel panic\x1b[0m <script>document.title="x"</script>\n`,
    );
    write('journal.json', '{"MESSAGE":"Started the thing.","SYSLOG_IDENTIFIER":"systemd"}\n');
    write('commands.log', '+ df -h\n');
    for (const { outputFile } of tests) if (outputFile !== undefined) write(outputFile, 'FAIL: one check\n');
  }
  const written = { ...exampleRun, id, folder, cell, plans };
  writeReports(written);
  return written;
}

async function open(options: BrowserContextOptions): Promise<{ page: Page; complaints: string[]; requests: string[] }> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(pathToFileURL(join(report.folder, 'report.html')).href);
  return { page, complaints, requests };
}

test.each([
  ['wide', { viewport: { width: 1280, height: 900 } }],
  ['narrow', { viewport: { width: 390, height: 800 } }],
  ['dark', { colorScheme: 'dark' }],
  ['without JavaScript', { javaScriptEnabled: false }],
] as [string, BrowserContextOptions][])('%s: all of a run can be seen', async (_how, options) => {
  const { page, complaints, requests } = await open(options);
  expect(await page.title()).toBe('FAILED: composefs/systemd/bls/unsealed/ext4');
  expect(complaints).toEqual([]);
  // The page is one file.
  expect(requests).toHaveLength(1);

  expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe(
    '1 passed, 2 failed (1 test, 1 product), 1 left out, 1 not run in 4 min 00 s',
  );
  for (const { plan } of report.plans) {
    expect(await page.getByRole('heading', { name: new RegExp(`^${plan}: `) }).isVisible()).toBe(true);
  }
  const cards = page.locator('.card');
  expect(await cards.count()).toBe(2);
  expect(await cards.nth(1).textContent()).toContain('product, GUEST_PANIC, in phase boot');

  // Each phase is a bar that has a width and lies within its row.
  const bars = page.locator('.bars span');
  expect(await bars.count()).toBe(9);
  for (const bar of await bars.all()) {
    const [box, row] = [await bar.boundingBox(), await bar.locator('..').boundingBox()];
    if (box === null || row === null) throw new Error('a bar is not drawn');
    expect(box.width).toBeGreaterThanOrEqual(2);
    expect(box.x).toBeGreaterThanOrEqual(row.x - 1);
    expect(box.x + box.width).toBeLessThanOrEqual(row.x + row.width + 3);
  }

  // A log is folded away, and opens without a script.
  const log = page.locator('details', { hasText: 'console.log' }).first();
  expect(await log.locator('pre').isVisible()).toBe(false);
  await log.locator('summary').click();
  expect(await log.locator('pre').isVisible()).toBe(true);
  expect(await log.locator('pre').textContent()).toContain('Kernel panic <script>');
  expect(await page.locator('details', { hasText: 'journal.json' }).first().textContent()).toContain(
    'systemd: Started the thing.',
  );

  // Nothing sticks out to the right: what is wide scrolls by itself.
  expect(await overhang(page, options)).toBeLessThanOrEqual(0);
});

async function overhang(page: Page, { javaScriptEnabled }: BrowserContextOptions): Promise<number> {
  // Measuring needs a script of ours; without JavaScript the layout is that of the others.
  if (javaScriptEnabled === false) return 0;
  return page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}

test('cells and plans of the last runs are shown, and each link leads to a file', async () => {
  const { page } = await open({});
  const table = page.locator('table.cells');
  expect(await table.locator('tr').count()).toBe(3);
  expect(await table.getByRole('row', { name: /unsealed\/xfs/ }).textContent()).toContain('✓ passed');
  const links = await page
    .locator('a')
    .evaluateAll((all) => all.map((link) => (link as unknown as { href: string }).href));
  expect(links.length).toBeGreaterThan(10);
  for (const link of links) {
    const url = new URL(link);
    expect(url.protocol).toBe('file:');
    expect([link, existsSync(fileURLToPath(new URL(url.pathname, 'file:')))]).toEqual([link, true]);
  }
  await page
    .getByRole('row', { name: /unsealed\/xfs/ })
    .getByRole('link')
    .first()
    .click();
  expect(await page.title()).toBe('FAILED: composefs/systemd/bls/unsealed/xfs');
});
