/**
 * FERRY SLOWLOG and FERRY HOTKEYS: what was noticed of commands as they passed, from any Redis client.
 *
 *   FERRY SLOWLOG [count]    id, unix time, microseconds, [command, key], client, its name, side — as SLOWLOG GET has it
 *   FERRY HOTKEYS [count]    key, database, commands so far (about: one in 64 is looked at), their percentage; the hottest first
 *   FERRY SLOWLOG RESET · FERRY HOTKEYS RESET
 *
 * Keys of others are seen here, so the server is asked whether this client might read its own SLOWLOG.
 */
import { errorOf } from '../lanes/call.js';
import { SAMPLED_ONE_IN } from '../observe/sampler.js';
import { arrayReply, bulkReply, errorReply, integerReplyBytes, OK } from '../resp/encode.js';
import { hotKeyOf, type Noticed } from '../routing/noticed.js';
import { afterReplies } from './after-replies.js';
import { refuse } from './refusal.js';
import type { Session } from './session.js';
import { NOT_AN_INTEGER } from './texts.js';

const SHOWN = 10;
const SHOWN_MAX = 128;
const MICROS_PER_MS = 1000;

/** `option` is the argument behind the subcommand, or null. */
export function noticedCommand(session: Session, what: 'SLOWLOG' | 'HOTKEYS', option: string | null): boolean {
  const isReset = option?.toUpperCase() === 'RESET';
  if (option !== null && !isReset && !/^\d{1,9}$/.test(option)) return refuse(session, NOT_AN_INTEGER);
  return afterReplies(session, async () => {
    const denied = await errorOf(session.lanes.shared(), ['SLOWLOG', 'LEN']).catch(() => '');
    if (/^NOPERM/.test(denied)) return errorReply(denied);
    const { noticed } = session.board;
    if (isReset) {
      if (what === 'SLOWLOG') noticed.slow.reset();
      else noticed.hotKeys.reset();
      return OK;
    }
    const count = Math.min(option === null ? SHOWN : Number(option), SHOWN_MAX);
    return what === 'SLOWLOG' ? slowReply(noticed, count) : hotReply(noticed, count);
  });
}

function slowReply({ slow }: Noticed, count: number): Buffer {
  return arrayReply(
    slow
      .latest(count)
      .map(({ id, atMs, tookMs, command, key, client, clientName, side }) =>
        arrayReply([
          integerReplyBytes(id),
          integerReplyBytes(Math.floor(atMs / 1000)),
          integerReplyBytes(Math.round(tookMs * MICROS_PER_MS)),
          arrayReply([bulkReply(command), ...(key === null ? [] : [bulkReply(key)])]),
          bulkReply(client),
          bulkReply(clientName),
          bulkReply(side),
        ]),
      ),
  );
}

function hotReply({ hotKeys }: Noticed, count: number): Buffer {
  const share = (samples: number): string => ((samples * 100) / hotKeys.total).toFixed(1);
  return arrayReply(
    hotKeys.top(count).map(({ key, count: samples, error }) => {
      const hot = hotKeyOf(key);
      return arrayReply([
        bulkReply(hot.key),
        integerReplyBytes(hot.db),
        integerReplyBytes((samples - error) * SAMPLED_ONE_IN),
        bulkReply(share(samples - error)),
      ]);
    }),
  );
}
