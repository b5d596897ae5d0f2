/** What a Ferry that already runs on this pair has seen, from its admin API. There need not be one. */
import type { Config } from '../config/config.js';
import type { LiveFacts } from './facts.js';

const TIMEOUT_MS = 2000;

interface SeenStatus {
  readonly source?: { readonly url?: string };
  readonly target?: { readonly url?: string };
  readonly crossSlot?: { readonly commands?: Record<string, number> };
}

/** Null: none answers there, it lets us not in, or it serves another pair. */
export async function askRunningFerry({ admin, source, target }: Config): Promise<LiveFacts | null> {
  try {
    const host = admin.host.includes(':') ? `[${admin.host}]` : admin.host;
    const response = await fetch(`http://${host}:${admin.port}/api/status`, {
      headers: admin.token === null ? {} : { authorization: `Bearer ${admin.token}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) return null;
    const status = (await response.json()) as SeenStatus;
    if (status.source?.url !== source.url || status.target?.url !== target.url) return null;
    return { crossings: status.crossSlot?.commands ?? {} };
  } catch {
    return null;
  }
}
