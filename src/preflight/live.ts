/** What a Ferry that already runs on this pair has seen, from its admin API. There need not be one. */
import { addressText } from '../config/addresses.js';
import type { Config } from '../config/config.js';
import { exchange } from '../observe/exchange.js';
import type { LiveFacts } from './facts.js';

const LIMIT_MS = 2000;

interface SeenStatus {
  readonly source?: { readonly url?: string };
  readonly target?: { readonly url?: string };
  readonly crossSlot?: { readonly commands?: Record<string, number> };
}

/** Null: none answers there, it lets us not in, or it serves another pair. */
export async function askRunningFerry({ admin, source, target }: Config): Promise<LiveFacts | null> {
  try {
    const headers: Record<string, string> = admin.token === null ? {} : { authorization: `Bearer ${admin.token}` };
    const { code, text } = await exchange(
      `http://${addressText(admin)}/api/status`,
      'GET',
      headers,
      undefined,
      LIMIT_MS,
    );
    if (code !== 200) return null;
    const status = JSON.parse(text) as SeenStatus;
    if (status.source?.url !== source.url || status.target?.url !== target.url) return null;
    return { crossings: status.crossSlot?.commands ?? {} };
  } catch {
    return null;
  }
}
