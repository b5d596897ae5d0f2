/**
 * CLIENT KILL, in its old form (an address) and its new one (filters that must all hold).
 *
 * https://redis.io/commands/client-kill
 */
import { errorReply, integerReplyBytes, OK } from '../../resp/encode.js';
import type { Session } from '../session.js';
import { SYNTAX } from '../texts.js';
import { CLIENT_TYPES, typeOf } from './describe.js';

const NO_SUCH_CLIENT = errorReply('ERR No such client');
const BAD_ID = errorReply('ERR client-id should be greater than 0');

/** `args`: what follows KILL. The asking client, where it is among those killed, gets its reply first. */
export function killClients(asking: Session, args: readonly string[]): { reply: Buffer; killsAsking: boolean } {
  const killed = new Set<Session>();
  const reply = choose(asking, args, killed);
  for (const session of killed) if (session !== asking) session.close('CLIENT KILL');
  return { reply, killsAsking: killed.has(asking) };
}

function choose(asking: Session, args: readonly string[], killed: Set<Session>): Buffer {
  const all = [...asking.clients.byId.values()];
  if (args.length === 1) {
    const named = all.find((session) => session.address === args[0]);
    if (named === undefined) return NO_SUCH_CLIENT;
    killed.add(named);
    return OK;
  }
  if (args.length % 2 !== 0) return SYNTAX;
  const filters: ((session: Session) => boolean)[] = [];
  let skipsMe = true;
  for (let i = 0; i < args.length; i += 2) {
    const [option, value] = [args[i]!.toUpperCase(), args[i + 1]!];
    if (option === 'ID') {
      const id = /^\d{1,18}$/.test(value) ? Number(value) : 0;
      if (id < 1) return BAD_ID;
      filters.push((session) => session.id === id);
    } else if (option === 'TYPE') {
      const type = value.toLowerCase();
      if (!(CLIENT_TYPES as readonly string[]).includes(type)) return errorReply(`ERR Unknown client type '${value}'`);
      filters.push((session) => typeOf(session) === type);
    } else if (option === 'USER') {
      filters.push((session) => (session.identity.name || 'default') === value);
    } else if (option === 'ADDR') filters.push((session) => session.address === value);
    else if (option === 'LADDR') filters.push((session) => session.localAddress === value);
    else if (option === 'SKIPME' && /^(yes|no)$/i.test(value)) skipsMe = value.toLowerCase() === 'yes';
    else return SYNTAX;
  }
  for (const session of all) {
    if (filters.every((holds) => holds(session)) && !(skipsMe && session === asking)) killed.add(session);
  }
  return integerReplyBytes(killed.size);
}
