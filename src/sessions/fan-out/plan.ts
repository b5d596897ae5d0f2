/**
 * Which commands the nodes of a Cluster answer together, and how: pure.
 *
 *   by slot    MGET, MSET, DEL, UNLINK, EXISTS, TOUCH over several slots
 *   by node    what is about all keys, or must be known by every node
 *
 * Everything else over several slots is refused as the Cluster would (CROSSSLOT). PUBLISH goes to one node: the Cluster
 * itself carries it to the others.
 */
import { findKeys, KeyList } from '../../commands/keys.js';
import { type Command, isFlush } from '../../commands/table.js';
import { ElementEffect } from '../../mirror/effect.js';
import { encodeCommand, errorReply } from '../../resp/encode.js';
import type { RequestScanner } from '../../resp/request.js';
import { keySlot } from '../../topology/crc16.js';
import { type ClientOp, WRITE } from '../client-op.js';
import {
  anyOne,
  countsByName,
  everywhere,
  first,
  joined,
  type Merge,
  patterns,
  placed,
  subscribersByName,
  sum,
  union,
} from './merge.js';
import { type PartPlan, Parts } from './parts.js';

/** As a Cluster's node says it. */
export const CROSSSLOT = errorReply("CROSSSLOT Keys in request don't hash to the same slot");

const SPLIT: ReadonlyMap<string, 'list' | Merge> = new Map<string, 'list' | Merge>([
  ['mget', 'list'],
  ['mset', first],
  ['del', sum],
  ['unlink', sum],
  ['exists', sum],
  ['touch', sum],
]);

const BY_NODE: ReadonlyMap<string, Merge> = new Map<string, Merge>([
  ['dbsize', sum],
  ['keys', joined],
  ['randomkey', anyOne],
  ['script|exists', everywhere],
  ['pubsub|channels', union],
  ['pubsub|shardchannels', union],
  ['pubsub|numsub', subscribersByName],
  ['pubsub|shardnumsub', countsByName],
  ['pubsub|numpat', sum], // see toEveryNode
  ['flushall', first],
  ['flushdb', first],
  ['script|load', first],
  ['script|flush', first],
  ['function|load', first],
  ['function|delete', first],
  ['function|flush', first],
  ['function|restore', first],
  ['memory|purge', first],
  ['slowlog|reset', first],
  ['latency|reset', sum],
]);

const keys = new KeyList();

export function isSplit(command: Command): boolean {
  return SPLIT.has(command.name);
}

/** With these arguments too: MSET of a key without a value is refused as anything else over several slots. */
export function canSplit(command: Command, argc: number): boolean {
  return isSplit(command) && (argc - 1) % command.keyStep === 0;
}

export function isForEveryNode(command: Command): boolean {
  return BY_NODE.has(command.name);
}

/** The parts of a command whose keys are in several slots. The op has its command and its bytes. */
export function splitBySlot(op: ClientOp, scanner: RequestScanner): Parts {
  const command = op.command!;
  const { frame, argc, starts, ends } = scanner;
  const side = op.session!.board.authority;
  findKeys(command, frame, argc, starts, ends, keys);
  const bySlot = new Map<number, { args: Buffer[]; here: Buffer[]; places: number[] }>();
  for (let i = 0; i < keys.count; i++) {
    const at = keys.index[i]!;
    const slot = side.slotOf(op.db, frame, starts[at]!, ends[at]!);
    const part = bySlot.get(slot) ?? { args: [], here: [], places: [] };
    for (let n = 0; n < command.keyStep; n++) {
      const arg = frame.subarray(starts[at + n]!, ends[at + n]!);
      part.args.push(arg);
      part.here.push(n === 0 ? side.keyHere(op.db, arg) : arg);
    }
    part.places.push(i);
    bySlot.set(slot, part);
  }
  const name = side.wireName(command.name.toUpperCase());
  const writes = command.kind === 'write' && op.session!.board.rules.mirrored;
  const isRewritten = name.toLowerCase() !== command.name || side.prefixes?.has(op.db) === true;
  const plans: PartPlan[] = [...bySlot].map(([slot, { args, here }]) => {
    const bytes = encodeCommand([name, ...here]);
    const own = writes && isRewritten ? encodeCommand([command.name, ...args]) : bytes;
    const effect = writes ? new ElementEffect(op, command, op.db, own, 0, own.length, null) : null;
    if (effect !== null) effect.slot = keySlot(args[0]!, 0, args[0]!.length);
    return { frame: bytes, place: slot, effect };
  });
  const how = SPLIT.get(command.name)!;
  return new Parts(op, plans, false, how === 'list' ? placed([...bySlot.values()].map(({ places }) => places)) : how);
}

/** The parts of a command that every node answers. */
export function toEveryNode(op: ClientOp): Parts {
  const { frame, frameStart, frameEnd, wire } = op;
  const bytes = wire ?? Buffer.from(frame.subarray(frameStart, frameEnd));
  const { authority } = op.session!.board;
  const plans = authority.masters.map(({ index }) => ({ frame: bytes, place: index, effect: null }));
  const { name } = op.command!;
  const merge = name === 'pubsub|numpat' ? patterns(op.session!.clients.eventPatterns()) : BY_NODE.get(name)!;
  // keys that travel between two nodes meanwhile are on the second one when the first has answered; where the ledger
  // holds nobody back, the second time would take what was written since the first
  const isAlone = op.route === WRITE && isFlush(op.command!);
  return new Parts(op, plans, true, merge, isAlone ? 2 : 1, authority.redirectWaitMs);
}
