/** A Ferry between real servers, its dashboard in a browser, and what its tests do there again and again. */
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { Stage, type StageOptions } from '../integration/journey/stage.js';
import { CHROMIUM, openBrowser, WatchedPage } from './browser.js';

export const POLL = { timeout: 15_000, interval: 50 };

export interface Site {
  readonly stage: Stage;
  readonly watched: WatchedPage;
  readonly page: Page;
}

/** Once per file: opens the browser, and closes whatever a test opened. */
export function prepareSites(): (options?: StageOptions, colorScheme?: 'light' | 'dark') => Promise<Site> {
  let browser: Browser | undefined;
  const open: { close(): Promise<void> }[] = [];
  beforeAll(async () => {
    if (CHROMIUM !== '') browser = await openBrowser();
  });
  afterEach(async () => {
    for (const thing of open.splice(0).reverse()) await thing.close();
  });
  afterAll(async () => {
    await browser?.close();
  });
  return async (options = {}, colorScheme = 'light') => {
    const stage = await Stage.open(options);
    open.push(stage);
    const watched = await WatchedPage.open(browser!, stage.ferry.adminPort, { colorScheme });
    open.push(watched);
    return { stage, watched, page: watched.page };
  };
}

export function button(page: Page, name: string): Locator {
  return page.getByRole('button', { name, exact: true });
}

export async function shown(page: Page, id: string): Promise<string> {
  return (await page.getByTestId(id).textContent()) ?? '';
}

export async function number(page: Page, id: string): Promise<number> {
  return Number((await shown(page, id)).replaceAll(',', ''));
}

export function reads(page: Page, id: string, text: string): Promise<void> {
  return expect.poll(() => shown(page, id), POLL).toBe(text);
}

/** Through the dialog: the dry run, the word if one is wanted, the step. */
export async function step(page: Page, opener: string, confirm: string, word: string | null): Promise<void> {
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
