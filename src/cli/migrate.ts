/**
 * `ferry migrate`: the whole journey in order, from wherever it stands: preflight, dual-write, backfill, verify,
 * target-read, cutover. It stops at the first step that falls short, with exit 1; run again, it goes on from there.
 *
 * The preflight is the running Ferry's own, since that knows the servers and their passwords. It comes before anything has
 * moved, that is in `source-only`, and its blockers stop the journey unless `--skip-preflight` is given.
 *
 * On a terminal it asks once before it begins; elsewhere `--yes` is required. `--until PHASE` ends earlier, or with
 * `target-only` later. A step that is refused is tried again after a new verification, since that is what most guards
 * ask for, unless a person has to look: `--known` names who may stay connected past Ferry at the cutover. With `--json` the
 * document is `{"ok", "phase", "steps": [{"step", "ok", "seconds", "detail"}]}`.
 */
import { createInterface } from 'node:readline/promises';
import type { PreflightReport, Status } from '../admin/control.js';
import { ConfigError, StartError } from '../config/errors.js';
import { PHASES, type Phase } from '../phases/phase.js';
import { type AdminClient, Refused } from './client.js';
import { ADMIN_FLAGS, adminClient, KNOWN_FLAG } from './flags.js';
import { nextStepsText } from './next-steps.js';
import { print, printJson, refusalText, tell } from './output.js';
import { backfillText, differencesText, statusText, verifyText } from './status-text.js';
import { verb } from './verb.js';
import { followBackfill, followVerify } from './waiting.js';

interface Step {
  step: string;
  ok: boolean;
  seconds: number;
  detail: string;
}

/** A step that fell short; the detail says why. */
class FellShort extends Error {}

const ATTEMPTS = 3;
const UNTIL: readonly Phase[] = PHASES.slice(1);

export const migrateCommand = verb({
  name: 'migrate',
  describe: 'all of it in order, up to the cutover',
  flags: {
    ...ADMIN_FLAGS,
    yes: { type: 'boolean', default: false, describe: 'do not ask' },
    'skip-preflight': { type: 'boolean', default: false, describe: 'begin although something blocks, or unseen' },
    known: KNOWN_FLAG,
    until: { choices: UNTIL, default: 'target-first' as Phase, describe: 'the last phase to go to' },
  },
  run: async ({ yes, until, json, skipPreflight, known, ...where }) => {
    const client = await adminClient(where, 'ferry migrate');
    const status = await client.status();
    if (!yes && !(await confirm(status, until))) throw new StartError(1, 'Nothing was changed.');
    const steps = await new Journey(client, until, known, json).run(skipPreflight);
    const reached = await client.status();
    const { phase } = reached;
    const ok = steps.every((step) => step.ok);
    if (!ok) process.exitCode = 1;
    if (json) printJson({ ok, phase, steps });
    else if (ok) print([`Done: the phase is ${phase}.`, ...nextStepsText(reached)].join('\n'));
    else print(`Stopped: the phase is ${phase}; run it again to go on from here.`);
  },
});

class Journey {
  private readonly client: AdminClient;
  private readonly until: Phase;
  private readonly known: readonly string[];
  private readonly json: boolean;
  private readonly steps: Step[] = [];

  constructor(client: AdminClient, until: Phase, known: readonly string[], json: boolean) {
    this.client = client;
    this.until = until;
    this.known = known;
    this.json = json;
  }

  async run(skipPreflight: boolean): Promise<Step[]> {
    try {
      const { phase: begin } = await this.client.status();
      if (begin === 'source-only' && !skipPreflight) await this.step('preflight', () => this.preflight());
      for (const phase of UNTIL) {
        const { phase: now, backfill } = await this.client.status();
        if (isAfter(phase, this.until)) break;
        if (!isAfter(phase, now)) continue;
        if (phase === 'target-read' && backfill.state !== 'done') await this.step('backfill', () => this.backfill());
        if (phase === 'target-read') await this.step('verify', () => this.verify());
        await this.step(phase, () => this.changePhase(phase));
      }
    } catch (error) {
      if (!(error instanceof FellShort)) throw error;
    }
    return this.steps;
  }

  private async step(name: string, run: () => Promise<string>): Promise<void> {
    const startedMs = performance.now();
    let ok = true;
    let detail: string;
    try {
      detail = await run();
    } catch (error) {
      if (!(error instanceof FellShort || error instanceof Refused)) throw error;
      ok = false;
      detail = error instanceof Refused ? refusalText(error) : error.message;
    }
    const seconds = Math.round(performance.now() - startedMs) / 1000;
    this.steps.push({ step: name, ok, seconds, detail });
    const line = `${ok ? 'done' : 'stopped'}  ${name}: ${detail}`;
    if (this.json) tell(line);
    else print(line);
    if (!ok) throw new FellShort(detail);
  }

  private async preflight(): Promise<string> {
    const report = await this.client.preflight();
    const warnings = report.findings.filter(({ severity }) => severity === 'warning');
    for (const { code, message } of warnings) tell(`warning  ${code}: ${message}`);
    const blockers = report.findings.filter(({ severity }) => severity === 'blocker');
    if (!report.ok) throw new FellShort(blockers.map(findingText).join('\n'));
    const counted = warnings.length === 0 ? 'nothing found' : `${warnings.length} warnings, nothing that blocks`;
    return `${counted} (ferry preflight shows all)`;
  }

  private async backfill(): Promise<string> {
    const { backfill } = await this.client.status();
    await this.client.backfill(backfill.state === 'paused' ? 'resume' : 'start');
    const status = await followBackfill(this.client);
    if (status.backfill.state !== 'done') throw new FellShort(backfillText(status));
    return backfillText(status);
  }

  /** Differences are repaired, and then there must be none. */
  private async verify(): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      await this.client.verify(attempt > 1);
      const status = await followVerify(this.client);
      if (status.verify.state !== 'done') throw new FellShort(verifyText(status));
      if (status.verify.clean === true) return verifyText(status);
      if (attempt > ATTEMPTS) throw new FellShort(`still ${differencesText(status.verify)} after repair`);
      tell(`verify: ${differencesText(status.verify)}, repairing`);
    }
  }

  private async changePhase(to: Phase): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      try {
        const { epoch, pauseMs } = await this.client.changePhase(
          to === 'target-first' ? { to, known: this.known } : { to },
        );
        return pauseMs === undefined ? `epoch ${epoch}` : `epoch ${epoch}, clients waited ${pauseMs.toFixed(1)} ms`;
      } catch (error) {
        if (!(error instanceof Refused) || attempt === ATTEMPTS || isForPeople(error)) throw error;
        tell(refusalText(error));
        if (to !== 'dual-write') await this.verify();
      }
    }
  }
}

/** Only somebody who looks there can clear it; no verification does. */
function isForPeople({ blockers }: Refused): boolean {
  return blockers.some(({ code }) => code === 'direct-clients' || code === 'direct-clients-unknown');
}

function findingText({ code, message, evidence, fix }: PreflightReport['findings'][number]): string {
  return `${code}: ${message}\n  seen: ${evidence}\n  do: ${fix}`;
}

function isAfter(phase: Phase, other: Phase): boolean {
  return PHASES.indexOf(phase) > PHASES.indexOf(other);
}

async function confirm(status: Status, until: Phase): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new ConfigError('migrate changes things and there is no terminal to ask on: give --yes.');
  }
  tell(statusText(status));
  const question = createInterface({ input: process.stdin, output: process.stderr });
  // ^C and ^D are a no
  const answer = await question.question(`\nGo from ${status.phase} to ${until}? [y/N] `).catch(() => '');
  question.close();
  return /^y(es)?$/i.test(answer.trim());
}
