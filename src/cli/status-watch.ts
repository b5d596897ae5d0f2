/**
 * `ferry status --watch`: on a terminal the status, drawn anew every second in the same place; elsewhere a line for what it
 * is at first and one for every change that matters, so that a log of it tells the migration's story.
 *
 * A Ferry that does not answer is waited for: it may be restarting. SIGINT ends it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Status } from '../admin/control.js';
import { StartError } from '../config/errors.js';
import { number } from '../observe/figures.js';
import type { AdminClient } from './client.js';
import { print } from './output.js';
import { differencesText, statusText, troubles } from './status-text.js';

const EVERY_MS = 1000;
const HOME = '\x1b[H';
const CLEAR_BELOW = '\x1b[J';
const CLEAR_LINE_END = '\x1b[K';
const CLEAR_SCREEN = '\x1b[2J';
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const PROGRESS_STEP_PERCENT = 10;

const UNREACHABLE = 3;

/** Until SIGINT. @throws StartError when there is no Ferry to begin with */
export async function watchStatus(client: AdminClient, isTerminal: boolean): Promise<void> {
  const ending = new AbortController();
  process.once('SIGINT', () => ending.abort());
  const view = isTerminal ? new Screen() : new Story();
  let isFirst = true;
  try {
    while (!ending.signal.aborted) {
      try {
        view.show(await client.status());
      } catch (error) {
        if (isFirst || !(error instanceof StartError) || error.exitCode !== UNREACHABLE) throw error;
        view.lost(error.message);
      }
      isFirst = false;
      await sleep(EVERY_MS, undefined, { signal: ending.signal }).catch(() => {});
    }
  } finally {
    view.end();
  }
}

interface View {
  show(status: Status): void;
  lost(message: string): void;
  end(): void;
}

class Screen implements View {
  private last = '';

  constructor() {
    process.stdout.write(HIDE_CURSOR + CLEAR_SCREEN);
  }

  show(status: Status): void {
    this.last = statusText(status);
    this.draw(this.last);
  }

  lost(message: string): void {
    this.draw(`${this.last}\n!         ${message} The above is what it said last.`);
  }

  end(): void {
    process.stdout.write(`${SHOW_CURSOR}\n`);
  }

  /** Over what is there, so that nothing flickers. */
  private draw(text: string): void {
    const time = new Date().toLocaleTimeString('en-GB');
    const lines = [...text.split('\n'), '', `${time}, again every second, Ctrl-C ends`];
    process.stdout.write(HOME + lines.map((line) => line + CLEAR_LINE_END).join('\n') + CLEAR_BELOW);
  }
}

class Story implements View {
  private facts: Facts | null = null;
  private isLost = false;

  show(status: Status): void {
    const facts = factsOf(status);
    if (this.isLost) this.tell('Ferry answers again');
    this.isLost = false;
    if (this.facts === null) this.tell([...facts].map(([name, value]) => `${name}: ${value}`).join(', '));
    else for (const change of changes(this.facts, facts)) this.tell(change);
    this.facts = facts;
  }

  lost(message: string): void {
    if (!this.isLost) this.tell(message);
    this.isLost = true;
  }

  end(): void {}

  private tell(text: string): void {
    print(`${new Date().toISOString()} ${text}`);
  }
}

/** What a line is worth, by its name. Numbers that always move are not among it. */
export type Facts = ReadonlyMap<string, string>;

export function factsOf(status: Status): Facts {
  const { backfill, verify, mirror, lastCutover } = status;
  const facts = new Map([
    ['phase', status.phase],
    ['authority', status.authority],
    ['source', status.source.state],
    ['target', status.target.state],
    ['backfill', backfill.state === 'running' ? `running, ${percentOf(backfill)} %` : backfill.state],
    ['verify', verify.state === 'done' ? differencesText(verify) : verify.state],
    ['dirty', mirror.dirtyKeys + mirror.dirtySlots === 0 ? 'nothing' : 'something'],
  ]);
  if (lastCutover !== null) facts.set('pause', `${lastCutover.pauseMs.toFixed(1)} ms (at ${lastCutover.at})`);
  for (const trouble of troubles(status)) facts.set(essenceOf(trouble), trouble);
  return facts;
}

/** One line for each. */
export function changes(before: Facts, now: Facts): string[] {
  const lines: string[] = [];
  for (const [name, value] of now) {
    const was = before.get(name);
    if (was === value) continue;
    if (name === essenceOf(value)) {
      // a trouble; that its numbers move, or why it is there, is no news
      if (was === undefined) lines.push(`! ${value}`);
    } else lines.push(was === undefined ? `${name}: ${value}` : `${name}: ${was} → ${value}`);
  }
  for (const [name, value] of before) if (!now.has(name)) lines.push(`over: ${value}`);
  return lines;
}

function percentOf({ scanned, estimated }: Status['backfill']): string {
  const percent = estimated === 0 ? 0 : Math.min(100, (scanned * 100) / estimated);
  return number(Math.floor(percent / PROGRESS_STEP_PERCENT) * PROGRESS_STEP_PERCENT);
}

function essenceOf(text: string): string {
  return text.replace(/ \([^()]*\)\.$/, '.').replace(/\d[\d,.]*\d|\d/g, '#');
}
