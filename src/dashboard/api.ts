/**
 * Calls to the admin API of the Ferry that served this page.
 *
 * Addresses are relative, so that the page also works behind a proxy that puts it under a path. The token, if there is one,
 * is kept for this tab only (sessionStorage) and sent as a header; there are no cookies that another page could use. A refusal
 * is an ApiError with its blockers; an answer that does not come is an Unreachable.
 */
import type { Blocker, Difference, LeaveAnswer, Overview, Phase } from '../admin/control.js';

const TOKEN = 'ferry-token';
const PATIENCE_MS = 5_000;
/** A step may drain for as long as it was configured to. */
const STEP_PATIENCE_MS = 120_000;

export class ApiError extends Error {
  constructor(
    readonly code: number,
    message: string,
    readonly blockers: readonly Blocker[],
  ) {
    super(message);
  }
}

export class Unreachable extends Error {}

/** What a step that was taken, or tried, says beside the status. */
export interface Taken {
  readonly pauseMs?: number;
  readonly note?: string;
}

export interface Asked {
  /** the phase that the page showed when somebody decided: another tab, or the command line, may have moved on since */
  readonly from: Phase;
  readonly dryRun?: boolean;
  readonly share?: number;
  readonly known?: readonly string[];
}

export type FoundDifference = Omit<Difference, 'key'> & { key: string | { base64: string } };

export const token = {
  get: (): string | null => sessionStorage.getItem(TOKEN),
  set: (value: string): void => sessionStorage.setItem(TOKEN, value),
  forget: (): void => sessionStorage.removeItem(TOKEN),
};

export function overviewSince(since: number): Promise<Overview> {
  return get(`api/dashboard?since=${since}`);
}

export function leaving(): Promise<LeaveAnswer> {
  return get('api/leave');
}

/** `share`: percent of the slots, with `target-read`; `known`: with a cutover, who may stay connected past Ferry */
export function changePhase(to: Phase, asked: Asked): Promise<Taken> {
  return post('api/phase', { to, ...asked });
}

/** `rate`: keys per second, 0 for as many as both sides allow */
export function backfill(action: 'start' | 'pause' | 'resume' | 'cancel', rate?: number): Promise<Taken> {
  return post('api/backfill', { action, rate });
}

export function verify(repair: boolean): Promise<Taken> {
  return post('api/verify', { repair });
}

export function abort(from: Phase): Promise<Taken> {
  return post('api/abort', { from });
}

/** The first ones only: there may be millions. */
export async function firstDifferences(limit: number): Promise<FoundDifference[]> {
  const response = await send('api/verify/differences', {}, PATIENCE_MS);
  const found: FoundDifference[] = [];
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  while (reader !== undefined && found.length < limit) {
    const { done, value } = await reader.read();
    const lines = (rest + (value ?? '')).split('\n');
    rest = done ? '' : (lines.pop() ?? '');
    for (const line of lines) if (line !== '' && found.length < limit) found.push(JSON.parse(line));
    if (done) return found;
  }
  await reader?.cancel();
  return found;
}

async function get<T>(path: string): Promise<T> {
  return (await send(path, {}, PATIENCE_MS)).json() as Promise<T>;
}

async function post<T>(path: string, body: object): Promise<T> {
  // who asks, for the record
  const headers = { 'content-type': 'application/json', 'x-ferry-by': 'dashboard' };
  const response = await send(path, { method: 'POST', headers, body: JSON.stringify(body) }, STEP_PATIENCE_MS);
  return response.json() as Promise<T>;
}

async function send(path: string, init: RequestInit, patienceMs: number): Promise<Response> {
  const headers = new Headers(init.headers);
  const known = token.get();
  if (known !== null) headers.set('authorization', `Bearer ${known}`);
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers, signal: AbortSignal.timeout(patienceMs) });
  } catch {
    throw new Unreachable('Ferry does not answer.');
  }
  if (response.ok) return response;
  const answer = (await response.json().catch(() => ({}))) as { error?: string; blockers?: Blocker[] };
  throw new ApiError(response.status, answer.error ?? `Ferry answered ${response.status}.`, answer.blockers ?? []);
}
