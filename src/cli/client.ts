/**
 * A running Ferry, seen from the command line: its admin API as methods.
 *
 * What goes wrong becomes an error with the exit code of the contract: unreachable 3, a token or request that is wrong
 * 2, a refused step 1 with its blockers.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  BackfillAction,
  Blocker,
  Explanation,
  LeaveAnswer,
  MigrationReport,
  PhaseRequest,
  PreflightReport,
  Status,
} from '../admin/control.js';
import { ConfigError, StartError } from '../config/errors.js';
import { exchange } from '../observe/exchange.js';
import { redactUrl } from '../observe/redact.js';

/** A step that was not taken; nothing has changed. */
export class Refused extends StartError {
  readonly blockers: Blocker[];

  constructor(message: string, blockers: Blocker[]) {
    super(1, message);
    this.name = 'Refused';
    this.blockers = blockers;
  }
}

export type StepAnswer = Status & { pauseMs?: number; note?: string };

const POLL_MS = 200;
/** A step may drain for minutes, and a preflight asks for the better part of one. */
const LIMIT_MS = 300_000;

export class AdminClient {
  /** without a slash at the end */
  readonly url: string;
  private readonly token: string | undefined;
  private readonly by: string;

  /** `by`: who asks, for the record. */
  constructor(admin: string, token?: string, by = '') {
    const text = /^https?:\/\//.test(admin) ? admin : `http://${/^\d+$/.test(admin) ? `127.0.0.1:${admin}` : admin}`;
    if (!URL.canParse(text))
      throw new ConfigError(`--admin: expected a URL such as http://127.0.0.1:6390, not '${admin}'.`);
    this.url = text.replace(/\/+$/, '');
    this.token = token;
    this.by = by;
  }

  status(): Promise<Status> {
    return this.call('GET', '/api/status') as Promise<Status>;
  }

  leave(): Promise<LeaveAnswer> {
    return this.call('GET', '/api/leave') as Promise<LeaveAnswer>;
  }

  report(): Promise<MigrationReport> {
    return this.call('GET', '/api/report') as Promise<MigrationReport>;
  }

  preflight(): Promise<PreflightReport> {
    return this.call('POST', '/api/preflight', {}) as Promise<PreflightReport>;
  }

  explain(args: readonly string[], db: number): Promise<Explanation> {
    return this.call('POST', '/api/explain', { args, db }) as Promise<Explanation>;
  }

  changePhase(request: PhaseRequest): Promise<StepAnswer> {
    return this.call('POST', '/api/phase', request) as Promise<StepAnswer>;
  }

  abort(): Promise<StepAnswer> {
    return this.call('POST', '/api/abort', {}) as Promise<StepAnswer>;
  }

  backfill(action: BackfillAction, rate?: number): Promise<StepAnswer> {
    return this.call('POST', '/api/backfill', { action, rate }) as Promise<StepAnswer>;
  }

  verify(repair: boolean, force = false): Promise<StepAnswer> {
    return this.call('POST', '/api/verify', force ? { repair, force } : { repair }) as Promise<StepAnswer>;
  }

  /** Asks for the status until `done`; every status is shown to `seen`. */
  async until(done: (status: Status) => boolean, seen: (status: Status) => void = () => {}): Promise<Status> {
    for (;;) {
      const status = await this.status();
      seen(status);
      if (done(status)) return status;
      await sleep(POLL_MS);
    }
  }

  private async call(method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> {
    const headers: Record<string, string> = {};
    if (this.token !== undefined) headers.authorization = `Bearer ${this.token}`;
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (this.by !== '') headers['x-ferry-by'] = inHeader(this.by);
    let code: number;
    let text: string;
    try {
      ({ code, text } = await exchange(this.url + path, method, headers, body && JSON.stringify(body), LIMIT_MS));
    } catch (error) {
      throw new StartError(3, `No Ferry answers at ${redactUrl(this.url)} (${reason(error)}): is it running there?`);
    }
    const answer = parseAnswer(text);
    if (answer === null) {
      throw new StartError(
        3,
        `What answers at ${redactUrl(this.url)} is no Ferry: ${path} gave a ${code} that is not JSON.`,
      );
    }
    if (code < 300) return answer;
    const message = typeof answer.error === 'string' ? answer.error : `${path} answered ${code}.`;
    if (code === 409) throw new Refused(message, Array.isArray(answer.blockers) ? answer.blockers : []);
    if (code === 401) throw new StartError(2, `${message} Give it with --token or FERRY_ADMIN_TOKEN.`);
    throw new StartError(code < 500 ? 2 : 1, message);
  }
}

/** A header takes visible ASCII; the rest is percent-encoded. Longer than what is kept (admin/caller.ts) makes no sense. */
function inHeader(name: string): string {
  const letters = [...name].slice(0, 64);
  return letters.map((letter) => (/[ -$&-~]/.test(letter) ? letter : encodeURIComponent(letter))).join('');
}

function parseAnswer(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message ?? String(error);
}
