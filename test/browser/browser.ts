/**
 * A real Chromium without a window, and pages that remember everything a user's browser would complain about.
 *
 * The binary is CHROMIUM_BIN, else one on the PATH (bin/ensure-chromium installs one).
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import axe, { type AxeResults } from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const IMAGES = fileURLToPath(new URL('../../docs/images/', import.meta.url));

/** '' where there is none. */
export const CHROMIUM = process.env.CHROMIUM_BIN || (NAMES.map(which).find((path) => path !== '') ?? '');

function which(name: string): string {
  return spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
}

export function openBrowser(): Promise<Browser> {
  // a container's /dev/shm is often too small for it
  return chromium.launch({ executablePath: CHROMIUM, args: ['--disable-dev-shm-usage', '--disable-gpu'] });
}

/** Runs in the page, before its own scripts. */
const NOTE_VIOLATIONS = `
  globalThis.violations = [];
  document.addEventListener('securitypolicyviolation', (e) => violations.push(e.violatedDirective + ' ' + e.blockedURI));
`;

export class WatchedPage {
  /** Errors in the console, uncaught ones, requests to elsewhere. */
  readonly complaints: string[] = [];

  private constructor(
    readonly page: Page,
    private readonly origin: string,
  ) {}

  static async open(browser: Browser, port: number, options: BrowserContextOptions = {}): Promise<WatchedPage> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(10_000);
    await page.addInitScript(NOTE_VIOLATIONS);
    const watched = new WatchedPage(page, `http://127.0.0.1:${port}`);
    watched.listen();
    await page.goto(`${watched.origin}/`);
    return watched;
  }

  /** Also what broke the content security policy. */
  async allComplaints(): Promise<string[]> {
    const violations = (await this.page.evaluate('globalThis.violations')) as string[];
    return [...this.complaints, ...violations];
  }

  /** What axe-core finds of the two upper grades, each with the elements. */
  async accessibilityFaults(): Promise<string[]> {
    await this.page.evaluate(axe.source);
    const { violations } = (await this.page.evaluate(
      "axe.run(document, { resultTypes: ['violations'] })",
    )) as AxeResults;
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
  }

  /** Kept for the documentation, with FERRY_SCREENSHOTS set. */
  async picture(name: string): Promise<void> {
    if (!process.env.FERRY_SCREENSHOTS) return;
    await this.page.evaluate('scrollTo(0, 0)');
    await this.page.screenshot({ path: `${IMAGES}dashboard-${name}.png` });
  }

  close(): Promise<void> {
    return this.page.context().close();
  }

  private listen(): void {
    this.page.on('pageerror', (error) => this.complaints.push(String(error)));
    this.page.on('console', (message) => {
      if (message.type() === 'error' && !isRefusal(message.text())) this.complaints.push(message.text());
    });
    this.page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(`${this.origin}/`) && !url.startsWith('data:')) this.complaints.push(`asked for ${url}`);
    });
  }
}

/** Chromium itself notes every answer of 400 and more, and every one that does not come. */
function isRefusal(text: string): boolean {
  return /^Failed to load resource: (the server responded with a status of (401|409) |net::ERR_(CONNECTION_|EMPTY_RESPONSE))/.test(
    text,
  );
}
