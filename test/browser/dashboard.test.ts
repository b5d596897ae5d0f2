/**
 * The dashboard in a real Chromium, in front of real servers: with the keyboard alone, with a token, with a Ferry that starts
 * again, on a phone. (A whole migration: migration.test.ts.)
 */
import type { Locator, Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { CHROMIUM } from './browser.js';
import { button, POLL, prepareSites, reads, shown, step } from './site.js';

const open = prepareSites();

describe.skipIf(CHROMIUM === '')('the dashboard (CHROMIUM_BIN; bin/ensure-chromium)', () => {
  test('with the keyboard alone', async () => {
    const { stage, watched, page } = await open({}, 'dark');
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

  test('a dialog that was opened in another phase changes nothing', async () => {
    const { stage, page } = await open();
    await stage.readyForCutover();
    await reads(page, 'phase', 'target-read');
    await button(page, 'Share of reads…').click();
    const dialog = page.getByRole('dialog', { name: 'Change the share of the reads' });
    await dialog.getByRole('spinbutton').fill('50');
    await stage.goTo('target-first');
    await reads(page, 'phase', 'target-first');
    // there target-read would be a rollback, without a word typed
    await dialog.getByRole('button', { name: 'Change the share of the reads' }).click();
    await dialog.getByText('phase-changed').waitFor();
    expect(stage.status.phase).toBe('target-first');
    await page.keyboard.press('Escape');
    await stage.goTo('target-read');
    await reads(page, 'phase', 'target-read');
    await button(page, 'Abort…').click();
    await stage.goTo('target-first');
    await reads(page, 'phase', 'target-first');
    await page.getByRole('dialog').getByRole('button', { name: 'Abort', exact: true }).click();
    await page.getByRole('dialog').getByText('phase-changed').waitFor();
    expect(stage.status.phase).toBe('target-first');
  });

  test('a token is asked for, kept in the tab, and told to nobody else', async () => {
    const { watched, page } = await open({ config: { admin: { port: 0, token: 's3cret' } } });
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
    const { stage, watched, page } = await open();
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

  test('who is connected past Ferry is named before the cutover', async () => {
    const { stage, watched, page } = await open();
    await stage.goTo('dual-write');
    await stage.readyForCutover();
    const exporter = await stage.onSource();
    await exporter.send('CLIENT', 'SETNAME', 'exporter');
    await button(page, 'Cut over…').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('(exporter)').waitFor();
    expect(await dialog.getByRole('button', { name: 'Cut over to the target' }).count()).toBe(0);
    expect(await watched.accessibilityFaults()).toEqual([]);
    const named = dialog.getByRole('textbox', { name: /^May stay connected past Ferry/ });
    expect(await isFocused(named)).toBe(true);
    await named.fill('importer');
    await named.press('Enter');
    await dialog.getByText('(exporter)').waitFor();
    expect(await isFocused(named)).toBe(true);
    await named.fill('importer, exporter');
    await named.press('Enter');
    await dialog.getByText('Nothing stands in the way.').waitFor();
    // still to be seen, and other names are another question
    await named.fill('exporter');
    await dialog.getByText('With other names it is to be checked again.').waitFor();
    await named.press('Enter');
    await dialog.getByText('Nothing stands in the way.').waitFor();
    expect(await watched.accessibilityFaults()).toEqual([]);
    await dialog.getByRole('textbox', { name: /to confirm$/ }).fill('cutover');
    await page.keyboard.press('Enter');
    await reads(page, 'phase', 'target-first');
    const { history } = stage.ferry.control.report();
    expect(history.at(-2)?.event).toContain('named as past Ferry: exporter');
    expect(await watched.allComplaints()).toEqual([]);
  });

  test('on a phone nothing is cut off', async () => {
    const { stage, watched, page } = await open({}, 'dark');
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
