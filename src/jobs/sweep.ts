/** Finds what only the mirror has (ghosts) and lets a copy delete it: DUMP there is nothing → DEL. */
import { setTimeout as sleep } from 'node:timers/promises';
import { askKeys } from '../lanes/ask-keys.js';
import { LaneLost } from '../lanes/call.js';
import { commandHead } from '../resp/encode.js';
import { integerReply } from '../resp/values.js';
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
      const { bytes, starts, ends } = await askKeys(
        authority.jobLane('sweep', db),
        [commandHead(2, authority.wireName('EXISTS'))],
        keys.map((key) => authority.keyHere(db, key)),
        keys.map((key) => authority.slotOf(db, key, 0, key.length)),
      );
      return keys.filter((_, i) => integerReply(bytes, starts[i]!, ends[i]!) === 0);
    } catch (error) {
      if (!(error instanceof LaneLost)) throw error;
      await sleep(50);
    }
  }
}
