/**
 * A look now and then at the keys that somebody waits for: they may be written by programs that bypass Ferry, or by
 * scripts that do not say which keys they write; and a stream may expire or be evicted.
 *
 * Under Ferry's own account, on a lane of its own, so many keys a round and in turns; only a key that exists wakes
 * anybody, or one that does not who waits in a group of it. So 10,000 clients that wait for 10,000 keys cost the server 4,000
 * EXISTS a second, and hear within 3 s.
 */
import { callLane } from '../../lanes/call.js';
import type { Switchboard } from '../../routing/switchboard.js';

const EVERY_MS = 250;
const KEYS_PER_ROUND = 1000;

export class WaitedKeysPoll {
  private from = 0;
  private isAsking = false;
  private readonly timer = setInterval(() => void this.look(), EVERY_MS);

  constructor(private readonly board: Switchboard) {}

  stop(): void {
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    const { board } = this;
    const { waiters } = board;
    if (waiters.count === 0 || board.gateClosed || this.isAsking || board.authority.state !== 'up') return;
    this.isAsking = true;
    const side = board.authority;
    try {
      if (this.from >= waiters.waitedKeys) this.from = 0;
      const byDb = new Map<number, string[]>();
      for (const { db, key } of waiters.keysFrom(this.from, KEYS_PER_ROUND)) {
        const keys = byDb.get(db) ?? [];
        keys.push(key);
        byDb.set(db, keys);
      }
      this.from += KEYS_PER_ROUND;
      for (const [db, keys] of byDb) {
        const exists = side.wireName('EXISTS');
        const bytes = keys.map((key) => Buffer.from(key, 'latin1'));
        const replies = await callLane(
          side.jobLane('blocking', db),
          bytes.map((key) => [exists, side.keyHere(db, key)]),
          bytes.map((key) => side.slotOf(db, key, 0, key.length)),
        );
        for (const [i, reply] of replies.entries()) {
          if (reply === 1) waiters.signal(db, keys[i]!);
          else waiters.signalGone(db, keys[i]!);
        }
      }
    } catch {
      // the connection went: the next round asks again
    } finally {
      this.isAsking = false;
    }
  }
}
