/**
 * Connections that were asked something and say nothing, looked at a few times a second; nothing is timed per command.
 *
 *   a read of a mere follower   the authority can answer it as well: after `readTimeoutMs` the connection is given up, and
 *                               whoever waits asks there
 *   anything else               a silent server may answer yet, as a client of its own would wait for it. But when it
 *                               answers a PING on a connection made since, while the old one is still silent, that one is
 *                               dead: its bytes vanish somewhere, without FIN or RST
 *
 * Silent is a connection with something unanswered on which no byte came since, nor went out of what waited for room. One
 * whose reading Ferry itself has paused is not.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lane } from './lane.js';

interface Watched {
  readonly lane: Lane;
  readonly onlyReads: boolean;
  reads: number;
  unsentBytes: number;
  /** When it was last seen to move. */
  sinceMs: number;
}

const GRACE_MS = 250;
const LOOKS_PER_LIMIT = 4;
const SLOWEST_LOOK_MS = 500;
const FASTEST_LOOK_MS = 20;

export class SilenceWatch {
  /** 0: reads wait as long as everything else. */
  readTimeoutMs = 0;
  private readonly watched = new Set<Watched>();
  private readonly timer: NodeJS.Timeout | null;
  /** servers that are being asked whether they are well */
  private readonly asking = new Set<string>();

  constructor(
    private readonly silentMs: number,
    readTimeoutMs: number,
    /** Does the server at the other end of the connection answer on a new one? */
    private readonly isWell: (lane: Lane) => Promise<boolean>,
  ) {
    const limits = [silentMs, readTimeoutMs].filter((ms) => ms > 0);
    const everyMs = Math.min(...limits, SLOWEST_LOOK_MS * LOOKS_PER_LIMIT) / LOOKS_PER_LIMIT;
    this.timer = limits.length === 0 ? null : setInterval(() => this.look(), Math.max(FASTEST_LOOK_MS, everyMs));
    this.timer?.unref();
  }

  /** `onlyReads`: while its side is a mere follower it carries nothing but reads. */
  watch(lane: Lane, onlyReads: boolean): void {
    if (this.timer !== null) this.watched.add({ lane, onlyReads, reads: 0, unsentBytes: 0, sinceMs: 0 });
  }

  close(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.watched.clear();
  }

  private look(): void {
    const nowMs = performance.now();
    for (const one of this.watched) {
      const { lane, onlyReads } = one;
      if (lane.state === 'closed') {
        this.watched.delete(one);
        continue;
      }
      const { reads, unsentBytes } = lane;
      const moves = reads !== one.reads || unsentBytes < one.unsentBytes;
      one.reads = reads;
      one.unsentBytes = unsentBytes;
      if (!lane.isAwaited || moves) {
        one.sinceMs = nowMs;
        continue;
      }
      const silentMs = nowMs - one.sinceMs;
      if (onlyReads && this.readTimeoutMs > 0 && silentMs >= this.readTimeoutMs) {
        lane.drop('its reads were not answered in time');
      } else if (this.silentMs > 0 && silentMs >= this.silentMs) this.ask(lane);
    }
  }

  private ask(lane: Lane): void {
    const { host, port, path } = lane.address;
    const server = path ?? `${host}:${port}`;
    if (this.asking.has(server)) return;
    this.asking.add(server);
    const askedMs = performance.now();
    this.isWell(lane)
      .then(async (isWell) => {
        if (!isWell) return;
        await sleep(GRACE_MS); // a server that goes on at this very moment may answer the new connection first
        this.look(); // what came meanwhile counts
        for (const one of this.watched) {
          const isThere =
            one.lane.address.port === port && one.lane.address.host === host && one.lane.address.path === path;
          if (!isThere || one.sinceMs > askedMs - this.silentMs || !one.lane.isAwaited) continue;
          one.lane.drop('silent, while its server answers on another connection');
        }
      })
      .finally(() => this.asking.delete(server));
  }
}
