/**
 * A whole migration in a real Chromium, by clicks alone, between real servers with clients at work: with the guards that refuse
 * it too early, differences found and repaired, a cutover, a rollback, and the end. The numbers on the page are the status's.
 */
import { describe, expect, test } from 'vitest';
import { Load } from '../integration/journey/load.js';
import type { Stage } from '../integration/journey/stage.js';
import { CHROMIUM } from './browser.js';
import { button, number, POLL, prepareSites, reads, step } from './site.js';

const KEYS = 3000;

const open = prepareSites();

async function fill(stage: Stage): Promise<void> {
  const client = await stage.client();
  const batches = Array.from({ length: KEYS / 10 }, (_, i) =>
    client.send('MSET', ...Array.from({ length: 10 }, (_, j) => [`user:${i * 10 + j}`, `v${j}`]).flat()),
  );
  await Promise.all(batches);
}

describe.skipIf(CHROMIUM === '')('the dashboard (CHROMIUM_BIN; bin/ensure-chromium)', () => {
  test('a whole migration by clicks alone, with a cutover, a rollback, and clients that notice nothing', async () => {
    const { stage, watched, page } = await open({ config: { directClients: { known: ['127.0.0.1'] } } });
    await fill(stage);
    const load = new Load(stage.ferry.port, { clients: 2, pauseMs: 20 });
    try {
      await reads(page, 'phase', 'source-only');
      await step(page, 'Start dual-write…', 'Start dual-write', null);
      await reads(page, 'phase', 'dual-write');
      await button(page, 'Read from target…').click();
      await page.getByText('Nothing stands in the way.').waitFor();
      const share = page.getByRole('spinbutton', { name: /^Percent of the slots/ });
      const confirm = page.getByRole('dialog').getByRole('button', { name: 'Read from the target', exact: true });
      await share.fill('101');
      expect(await confirm.isDisabled()).toBe(true);
      await share.fill('30');
      expect(await watched.accessibilityFaults()).toEqual([]);
      await confirm.click();
      await reads(page, 'phase', 'target-read');
      await reads(page, 'share', '30');
      expect(stage.status.share).toBe(30);
      await button(page, 'Share of reads…').click();
      await share.fill('100');
      await button(page, 'Change the share of the reads').click();
      await reads(page, 'share', '100');

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

      await button(page, 'Start at a rate…').click();
      const rate = page.getByRole('spinbutton', { name: /^Keys per second/ });
      await rate.fill('100');
      await button(page, 'Start at this rate').click();
      await reads(page, 'backfill-state', '▶ running');
      await button(page, 'Rate…').click();
      await rate.fill('0');
      await button(page, 'Change the rate').click();
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

      // the way out, and who clicked
      await reads(page, 'leave', '✓ it may go');
      await expect.poll(() => number(page, 'leave-clients'), POLL).toBe(stage.status.clients.connected);
      await page.getByText('Write the record while Ferry runs').waitFor();
      expect(await watched.accessibilityFaults()).toEqual([]);
      const { phases, history } = stage.ferry.control.report();
      expect(new Set(phases.map(({ by }) => by?.name))).toEqual(new Set(['dashboard']));
      expect(history.map(({ event }) => event)).toContain('backfill start, at most 100 keys a second');
    } finally {
      await load.stop();
    }
    expect(load.complaints).toEqual([]);
    expect(await watched.allComplaints()).toEqual([]);
  });
});
