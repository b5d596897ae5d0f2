/**
 * The dashboard in a real Chromium, in front of real servers with clients at work: an operator's whole migration by clicks
 * alone, another with the keyboard alone, a token, a Ferry that starts again, a phone.
 */
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Load } from '../integration/journey/load.js';
import { Stage, type StageOptions } from '../integration/journey/stage.js';
import { CHROMIUM, openBrowser, WatchedPage } from './browser.js';

const POLL = { timeout: 15_000, interval: 50 };
const KEYS = 3000;

let browser: Browser;
let stage: Stage;
let watched: WatchedPage;

beforeAll(async () => {
  if (CHROMIUM !== '') browser = await openBrowser();
});
afterAll(async () => {
  await browser?.close();
});
afterEach(async () => {
  await watched?.close();
  await stage?.close();
});

async function open(options: StageOptions = {}, isDark = false): Promise<Page> {
  stage = await Stage.open(options);
  const colorScheme = isDark ? 'dark' : 'light';
  watched = await WatchedPage.open(browser, stage.ferry.adminPort, { colorScheme });
  return watched.page;
}

async function fill(): Promise<void> {
  const client = await stage.client();
  const batches = Array.from({ length: KEYS / 10 }, (_, i) =>
    client.send('MSET', ...Array.from({ length: 10 }, (_, j) => [`user:${i * 10 + j}`, `v${j}`]).flat()),
  );
  await Promise.all(batches);
}

const button = (page: Page, name: string): Locator => page.getByRole('button', { name, exact: true });
const shown = async (page: Page, id: string): Promise<string> => (await page.getByTestId(id).textContent()) ?? '';
const number = async (page: Page, id: string): Promise<number> => Number((await shown(page, id)).replaceAll(',', ''));

function reads(page: Page, id: string, text: string): Promise<void> {
  return expect.poll(() => shown(page, id), POLL).toBe(text);
}

/** Through the dialog: the dry run, the word if one is wanted, the step. */
async function step(page: Page, opener: string, confirm: string, word: string | null): Promise<void> {
  await button(page, opener).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('Nothing stands in the way.').waitFor();
  const act = dialog.getByRole('button', { name: confirm, exact: true });
  if (word !== null) {
    expect(await act.isDisabled()).toBe(true);
    await dialog.getByRole('textbox').fill(word.slice(1));
    expect(await act.isDisabled()).toBe(true);
    await dialog.getByRole('textbox').fill(word);
  }
  await act.click();
  await dialog.waitFor({ state: 'detached' });
}

describe.skipIf(CHROMIUM === '')('the dashboard (CHROMIUM_BIN; bin/ensure-chromium)', () => {
  test('a whole migration by clicks alone, with a cutover, a rollback, and clients that notice nothing', async () => {
    const page = await open();
    await fill();
    const load = new Load(stage.ferry.port, { clients: 2, pauseMs: 20 });
    try {
      await reads(page, 'phase', 'source-only');
      await step(page, 'Start dual-write…', 'Start dual-write', null);
      await reads(page, 'phase', 'dual-write');
      await step(page, 'Read from target…', 'Read from the target', null);
      await reads(page, 'phase', 'target-read');

      // the guards: on the page, and in the dialog as the API says them
      await page.getByText('In the way of the cutover').waitFor();
      await button(page, 'Cut over…').click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText('backfill-incomplete').waitFor();
      const refused = await stage.phase('target-first', { dryRun: true });
      const blockers = refused.ok ? [] : refused.blockers.map(({ code }) => code);
      expect(blockers).toEqual(['backfill-incomplete', 'not-verified']);
      expect(await dialog.locator('.blockers code').allTextContents()).toEqual(blockers);
      expect(await dialog.getByRole('textbox').count()).toBe(0);
      await button(page, 'Leave it').click();
      await dialog.waitFor({ state: 'detached' });
      expect(stage.status.phase).toBe('target-read');

      await button(page, 'Start backfill').click();
      await reads(page, 'backfill-state', '✓ done');
      expect(stage.status.backfill.copied).toBeGreaterThanOrEqual(KEYS);
      await expect.poll(() => number(page, 'copied'), POLL).toBe(stage.status.backfill.copied);

      // somebody writes to the target
      const target = await stage.onTarget();
      await target.send('SET', 'user:7', 'wrong');
      await target.send('SET', Buffer.from([0xff, 0x00, 0x61]), 'ghost');
      await button(page, 'Verify').click();
      await reads(page, 'verify-state', '✗ 2 differ');
      const rows = page.getByRole('table', { name: 'Differing keys' }).locator('tbody tr');
      await expect.poll(() => rows.count(), POLL).toBe(2);
      const texts = (await rows.allTextContents()).sort();
      expect(texts).toEqual([expect.stringMatching(/^0\\xff\\x00aextra/), expect.stringMatching(/^0user:7value/)]);
      expect(await number(page, 'differences-value')).toBe(stage.status.verify.differences.value);
      const { finishedAt } = stage.status.verify;
      await button(page, 'Verify and repair').click();
      await stage.until('it was repaired', ({ verify }) => verify.state === 'done' && verify.finishedAt !== finishedAt);
      await stage.settled();
      await button(page, 'Verify').click();
      await reads(page, 'verify-state', '✓ no difference');

      // what it shows is what the status says
      const before = stage.status;
      await expect.poll(() => number(page, 'commands'), POLL).toBeGreaterThan(before.commands.total);
      expect(await number(page, 'commands')).toBeLessThanOrEqual(stage.status.commands.total);
      expect(await number(page, 'clients')).toBe(stage.status.clients.connected);
      expect(await number(page, 'compared')).toBe(before.verify.compared);
      expect(await page.locator('.plot canvas').count()).toBe(3);
      const { samples, steps } = stage.ferry.control.overview(0);
      expect(samples.some(({ source, mirrorPerSecond }) => source.perSecond > 0 && mirrorPerSecond > 0)).toBe(true);
      expect(samples.some(({ source }) => source.p99Ms !== null && source.p99Ms > 0)).toBe(true);
      expect(steps.map(({ to, step, blockers }) => [to, step, blockers])).toEqual([
        ['target-first', 'cutover', []],
        ['dual-write', 'back', []],
      ]);
      await page.getByRole('cell', { name: 'load:', exact: true }).waitFor();

      await watched.picture('light');
      expect(await watched.accessibilityFaults()).toEqual([]);
      await page.emulateMedia({ colorScheme: 'dark' });
      await watched.picture('dark');
      expect(await watched.accessibilityFaults()).toEqual([]);
      await button(page, 'Cut over…').click();
      await dialog.getByText('Nothing stands in the way.').waitFor();
      await watched.picture('cutover');
      expect(await watched.accessibilityFaults()).toEqual([]);
      await button(page, 'Leave it').click();
      await page.emulateMedia({ colorScheme: 'light' });

      await step(page, 'Cut over…', 'Cut over to the target', 'cutover');
      await reads(page, 'phase', 'target-first');
      await reads(page, 'pause', String(stage.status.lastCutover?.pauseMs));
      await load.more(20);
      await step(page, 'Roll back…', 'Roll back to the source', 'rollback');
      await reads(page, 'phase', 'target-read');
      await load.more(20);
      await step(page, 'Cut over…', 'Cut over to the target', 'cutover');
      await reads(page, 'phase', 'target-first');
      await load.stop();
      await stage.settled();
      expect(await stage.differences()).toEqual([]);
      await step(page, 'Finalize…', 'Finalize', 'finalize');
      await reads(page, 'phase', 'target-only');
      await page.getByText('The migration is over.').waitFor();
      expect(await page.locator('.actions button').count()).toBe(0);
    } finally {
      await load.stop();
    }
    expect(load.complaints).toEqual([]);
    expect(await watched.allComplaints()).toEqual([]);
  });

  test('with the keyboard alone', async () => {
    const page = await open({}, true);
    await reads(page, 'phase', 'source-only');
    const opener = button(page, 'Start dual-write…');
    await tabTo(page, opener);
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Start dual-write' });
    await dialog.getByText('Nothing stands in the way.').waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect(await isFocused(opener)).toBe(true);
    expect(stage.status.phase).toBe('source-only');

    await page.keyboard.press('Enter');
    await dialog.getByText('Nothing stands in the way.').waitFor();
    await tabTo(page, dialog.getByRole('button', { name: 'Start dual-write', exact: true }));
    await page.keyboard.press('Enter');
    await reads(page, 'phase', 'dual-write');
    // the button is gone: the focus is where the news is
    expect(await isFocused(page.getByRole('heading', { name: /^Phase/ }))).toBe(true);
    await expect.poll(() => page.getByRole('status').first().textContent(), POLL).toContain('dual-write');

    await stage.readyForCutover();
    await reads(page, 'phase', 'target-read');
    await tabTo(page, button(page, 'Cut over…'));
    await page.keyboard.press('Enter');
    // the dry run puts the focus into the field
    await page.getByText('Nothing stands in the way.').waitFor();
    await page.keyboard.type('cutover');
    await page.keyboard.press('Enter');
    await reads(page, 'phase', 'target-first');
    await tabTo(page, button(page, 'Abort…'));
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').getByRole('textbox').waitFor();
    await page.keyboard.type('rollback');
    await page.keyboard.press('Enter');
    await reads(page, 'phase', 'target-read');
    expect(await watched.allComplaints()).toEqual([]);
  });

  test('a token is asked for, kept in the tab, and told to nobody else', async () => {
    const page = await open({ config: { admin: { port: 0, token: 's3cret' } } });
    await page.getByLabel('Token', { exact: true }).fill('wrong');
    await button(page, 'Continue').click();
    await page.getByRole('alert').getByText('The admin token is missing or wrong.').waitFor();
    expect(await watched.accessibilityFaults()).toEqual([]);
    await page.getByLabel('Token', { exact: true }).fill('s3cret');
    await page.keyboard.press('Enter');
    await reads(page, 'phase', 'source-only');
    expect(page.url()).not.toContain('s3cret');
    expect(await page.evaluate('document.cookie + JSON.stringify(localStorage)')).toBe('{}');
    await page.reload();
    await reads(page, 'phase', 'source-only');
    await step(page, 'Start dual-write…', 'Start dual-write', null);
    await reads(page, 'phase', 'dual-write');
    await button(page, 'Forget token').click();
    await page.getByLabel('Token', { exact: true }).waitFor();
    expect(await page.evaluate('sessionStorage.length')).toBe(0);
    expect(await watched.allComplaints()).toEqual([]);
  });

  test('a Ferry that goes away and comes back', async () => {
    const page = await open();
    await stage.goTo('dual-write');
    await reads(page, 'phase', 'dual-write');
    const port = stage.ferry.adminPort;
    await stage.stop();
    await expect.poll(() => shown(page, 'link'), POLL).toContain('Ferry does not answer.');
    expect(await shown(page, 'phase')).toBe('dual-write');
    await button(page, 'Read from target…').click();
    await page.getByRole('dialog').getByText('Ferry does not answer.').waitFor();
    expect(await watched.accessibilityFaults()).toEqual([]);
    await button(page, 'Leave it').click();
    await stage.start({ admin: { port } });
    await reads(page, 'link', '● Live');
    await step(page, 'Read from target…', 'Read from the target', null);
    await reads(page, 'phase', 'target-read');
    // a server that goes away is told as well
    stage.target.kill();
    await reads(page, 'target-state', '✗ down');
    await page.getByText('The target is not reachable.').waitFor();
    expect(await watched.allComplaints()).toEqual([]);
  });

  test('on a phone nothing is cut off', async () => {
    const page = await open({}, true);
    await page.setViewportSize({ width: 375, height: 812 });
    await stage.backfill();
    await (await stage.onTarget()).send('SET', `a:${'long'.repeat(40)}`, '1');
    await stage.verify();
    await page.getByRole('table', { name: 'Differing keys' }).waitFor();
    await watched.picture('phone');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(375);
    await button(page, 'Read from target…').click();
    await page.getByText('Nothing stands in the way.').waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(375);
    expect(await watched.accessibilityFaults()).toEqual([]);
    expect(await watched.allComplaints()).toEqual([]);
  });
});

async function tabTo(page: Page, wanted: Locator): Promise<void> {
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press('Tab');
    if (await isFocused(wanted)) return;
  }
  throw new Error(`Tab does not reach ${wanted}`);
}

function isFocused(wanted: Locator): Promise<boolean> {
  return wanted
    .and(wanted.page().locator(':focus'))
    .count()
    .then((n) => n === 1);
}
