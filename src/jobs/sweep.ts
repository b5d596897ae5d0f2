/** Finds what only the mirror has (ghosts) and lets a copy delete it: DUMP there is nothing → DEL. */
import { setTimeout as sleep } from 'node:timers/promises';
import { callLane, LaneLost } from '../lanes/call.js';
import type { Switchboard } from '../routing/switchboard.js';
import type { CopyWindow } from './copy-window.js';
import { scanKeys } from './scan.js';

const COUNT = 500;

/** `turn` is awaited before each batch and may throw to stop the sweep. */
export async function sweepExtras(
  board: Switchboard,
  dbs: readonly number[],
  window: CopyWindow,
  turn: () => Promise<void>,
): Promise<number> {
  let extras = 0;
  for (const db of dbs) {
    for await (const batch of scanKeys(board.follower, 'sweep', db, '0', COUNT)) {
      await turn();
      for (const key of await missingOnAuthority(board, db, batch.keys)) {
        extras++;
        await window.copy(board.mirror!, db, key);
      }
    }
  }
  return extras;
}

/** Which of the keys the authority does not have (now). */
export async function missingOnAuthority(board: Switchboard, db: number, keys: readonly Buffer[]): Promise<Buffer[]> {
  for (;;) {
    try {
      const { authority } = board;
      const replies = await callLane(
        authority.jobLane('sweep', db),
        keys.map((key) => [authority.wireName('EXISTS'), authority.keyHere(db, key)]),
        keys.map((key) => authority.slotOf(db, key, 0, key.length)),
      );
      return keys.filter((_, i) => replies[i] === 0);
    } catch (error) {
      if (!(error instanceof LaneLost)) throw error;
      await sleep(50);
    }
  }
}
