/**
 * Cursors of SCAN, HSCAN, SSCAN and ZSCAN belong to one server: continued on another one they lose elements.
 *
 *   bits 0–46    a server's own cursor; of a side that is more than one server, or may become another, only bits 0–35
 *   bits 36–46   SCAN of such a side: which of its nodes (in the order of their slots), one after the other, and once more
 *                where slots are on their way: whatever goes from one node to another meanwhile does not go back.
 *                HSCAN, SSCAN, ZSCAN: 1, the node made it that the slot is on its way to, else 0
 *   bit 47       the target made it, else the source
 *   bits 48–52   which nodes there were, or who had the key (a counter)
 *
 * A cursor that comes back while another side has the authority, or other nodes have the keys, begins the scan anew (not
 * at each ASK: a slot may be on its way for hours, or for ever, if nobody ends what was begun);
 * elements may then be returned twice, as SCAN allows, and none is missed. Small enough for clients that keep cursors in
 * doubles, and harmless where it meets a server by mistake: Redis ignores the bits above its table's size.
 *
 * Not covered: cursors inside MULTI, which pass as they are. https://redis.io/commands/scan
 */
import type { Command } from '../commands/table.js';
import type { Upstream } from '../lanes/upstream.js';
import { encodeCommand } from '../resp/encode.js';
import { ArgReader } from '../resp/request.js';
import { HOME } from '../topology/slot-map.js';
import type { ClientOp } from './client-op.js';

const OF_NODE = 2 ** 36;
const NODES_MAX = 2048;
const OF_TARGET = 2 ** 47;
const OF_VERSION = 2 ** 48;
const VERSIONS = 32;
const BY_OWNER = 0;
const BY_TAKER = 1;
const CR = 13;

const args = new ArgReader();

export function isScan(command: Command): boolean {
  return command.name === 'scan' || command.name === 'hscan' || command.name === 'sscan' || command.name === 'zscan';
}

/** Where a scan goes on: the server's cursor, and which of the side's nodes it is of. */
export interface Place {
  readonly cursor: string;
  readonly node: number;
}

/** What a cursor says, for the side that has the authority; the beginning when it is another one's. */
export function placeOf(cursor: string, authority: 'source' | 'target', version: number | null): Place {
  const value = Number(cursor);
  const limit = version === null ? 2 * OF_TARGET : VERSIONS * OF_VERSION;
  // not a cursor of ours, and perhaps none at all: the server will say
  if (!/^\d+$/.test(cursor) || value === 0 || value >= limit) return { cursor, node: 0 };
  const start = { cursor: '0', node: 0 };
  const own = value % OF_VERSION;
  const madeBy = own >= OF_TARGET ? 'target' : 'source';
  if (madeBy !== authority) return start;
  const here = own % OF_TARGET;
  if (version === null) return { cursor: authority === 'target' ? String(here) : cursor, node: 0 };
  if (Math.floor(value / OF_VERSION) !== version % VERSIONS) return start;
  return { cursor: String(here % OF_NODE), node: Math.floor(here / OF_NODE) };
}

/** The cursor as the client gets it; 0 stays 0 unless `node` says that there is more. */
export function cursorOf({ cursor, node }: Place, authority: 'source' | 'target', version: number | null): string {
  const value = Number(cursor);
  if (value === 0 && node === 0) return '0';
  if (version === null) return authority === 'target' && value < OF_TARGET ? String(value + OF_TARGET) : cursor;
  const side = authority === 'target' ? OF_TARGET : 0;
  return String((version % VERSIONS) * OF_VERSION + side + node * OF_NODE + (value % OF_NODE));
}

/** Makes the op's bytes those for the server that answers it. */
export function sendCursor(op: ClientOp): void {
  const { wire, frame, frameStart, frameEnd } = op;
  if (wire === null) args.read(frame, frameStart, frameEnd);
  else args.read(wire, 0, wire.length);
  const { authority } = op.session!.board;
  const isOfKeys = op.command!.name === 'scan';
  const at = isOfKeys ? 1 : 2;
  const cursor = args.text(at);
  const version = versionOf(authority, isOfKeys, op.place);
  const place = placeOf(cursor, authority.side, version);
  const nodes = isOfKeys && authority.hasSlots ? authority.map.firstSlots() : null;
  // whatever slot of it: the node is what matters
  if (nodes !== null) op.place = nodes[place.node % nodes.length]?.slot ?? op.place;
  if (version !== null || authority.side === 'target') {
    const { place: slot } = op;
    const { transform } = op;
    op.transform = (reply, probed) => {
      const by = op.wasAsked ? BY_TAKER : BY_OWNER;
      const isAnothers = nodes === null && place.cursor !== '0' && place.node !== by;
      const hasMoved = isAnothers || versionOf(authority, isOfKeys, slot) !== version;
      const nextNode = nodes === null ? 0 : nodeAfter(place.node, nodes.length, authority.hasMovingSlots);
      const node = nodes === null ? by : place.node;
      const marked = markCursor(reply, authority.side, version, node, nextNode, hasMoved);
      return transform === null ? marked : transform(marked, probed);
    };
  }
  if (place.cursor !== cursor) {
    const changed: (Buffer | string)[] = [];
    for (let i = 0; i < args.argc; i++) changed.push(i === at ? place.cursor : args.arg(i));
    op.wire = encodeCommand(changed);
  }
  args.clear();
}

/** Changes when a cursor of before is no good any more. Null: it never is. */
function versionOf(side: Upstream, isOfKeys: boolean, slot: number): number | null {
  if (!side.isRouted) return null;
  if (isOfKeys && side.hasSlots) return side.map.allMoves;
  return side.map.moves[slot < 0 ? HOME : slot]!;
}

/** Where a SCAN goes on behind the end of a node; 0: nowhere. */
export function nodeAfter(node: number, nodes: number, hasMovingSlots: boolean): number {
  const next = node + 1;
  const isEnd = next === 2 * nodes || (next === nodes && !hasMovingSlots);
  return isEnd || next >= NODES_MAX ? 0 : next;
}

/**
 * A server's reply with the cursor for the client: of the `node` that answered, or of the next one when that has no more.
 * `hasMoved`: keys went elsewhere before it answered, so that its cursor is no good, and an end may be none. Anything that is
 * not `[cursor, elements]` stays as it was.
 */
export function markCursor(
  reply: Buffer,
  authority: 'source' | 'target',
  version: number | null = null,
  node = 0,
  nextNode = 0,
  hasMoved = false,
): Buffer {
  const from = reply.indexOf(CR, reply.indexOf(CR) + 2) + 2;
  const to = reply.indexOf(CR, from);
  const cursor = reply.toString('latin1', from, to);
  if (reply.toString('latin1', 0, 5) !== '*2\r\n$' || !/^\d+$/.test(cursor)) return reply;
  const next = cursor === '0' ? { cursor, node: nextNode } : { cursor, node };
  // a cursor of before makes the scan begin anew
  const marked =
    hasMoved && version !== null
      ? cursorOf({ cursor: '1', node: 0 }, authority, version + VERSIONS - 1)
      : cursorOf(next, authority, version);
  if (marked === cursor) return reply;
  return Buffer.concat([Buffer.from(`*2\r\n$${marked.length}\r\n${marked}`), reply.subarray(to)]);
}
