/**
 * An authority that comes back without its data: is the mirror to follow it?
 *
 * The mirror follows the authority in everything, so a server that was restarted without its dump would soon have emptied the
 * other one as well, which may hold the only copy. With `--lost-data hold` another process on the authority's side is looked
 * at before anything more is sent to the mirror: does it have fewer keys than the mirror, by a tenth or more? Then nothing is
 * sent, as if the mirror were away: clients are served, what they write becomes dirty, until
 *
 *   the data is back          the server was restarted with it: another process, which is looked at again
 *   the other one counts      a forced rollback, or whatever else makes another mirror
 *   it is as it should be     `follow` (a cache may well be empty): the mirror becomes the same
 *
 * With `follow` (default) nothing is held.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Mirror } from '../mirror/mirror.js';
import { number } from '../observe/figures.js';
import type { Migration } from './migration.js';
import { keysOf } from './used-databases.js';

const RETRY_MS = 100;
/** Of the mirror's keys so many must be there. */
const SHARE = 0.9;
/** Fewer than these may have expired, or been deleted meanwhile. */
const MISSING_MIN = 10;

export class DataLoss {
  private held: { readonly mirror: Mirror; readonly text: string } | null = null;
  private look = 0;

  constructor(private readonly migration: Migration) {}

  /** Why nothing is sent to the mirror, and what can be done, in sentences; '' while all is well. */
  get text(): string {
    return this.held !== null && this.held.mirror === this.migration.board.mirror ? this.held.text : '';
  }

  /** The authority is another process: until it is known what it has, nothing goes to the mirror. */
  weigh(): void {
    const { board, log } = this.migration;
    const { mirror } = board;
    if (board.config.lostData === 'follow' || mirror === null) return;
    const look = ++this.look;
    mirror.lane.hold(true);
    this.lossOf(mirror, look)
      .then((text) => {
        if (look !== this.look || mirror !== board.mirror) return;
        this.held = text === '' ? null : { mirror, text };
        mirror.lane.hold(text !== '');
        if (text === '') return;
        log.error({ side: board.authority.side }, text);
        void this.migration.keep({ history: this.migration.note(text) });
      })
      .catch((error: Error) => log.error({ reason: error.message }, 'what the authority has cannot be found out'));
  }

  /** What is there is what shall be there. */
  follow(): void {
    this.look++;
    this.held = null;
    this.migration.board.mirror?.lane.hold(false);
  }

  private async lossOf(mirror: Mirror, look: number): Promise<string> {
    const { board } = this.migration;
    while (look === this.look && mirror === board.mirror) {
      const { authority, follower } = board;
      const counts = await Promise.all([keysOf(authority), keysOf(follower)]).catch(() => null);
      if (counts !== null) {
        const [keys, others] = counts;
        if (keys >= others * SHARE || others - keys < MISSING_MIN) return '';
        const back = board.phase === 'target-first' ? 'ferry rollback --force gives the authority to the source; ' : '';
        return `The ${authority.side} was restarted and has ${number(keys)} keys, where the ${follower.side} has ${number(others)}: nothing is sent to the ${follower.side}. ${back}restarted with its data the ${authority.side} goes on; ferry verify --repair --force takes what it has now for right.`;
      }
      await sleep(RETRY_MS);
    }
    return '';
  }
}
