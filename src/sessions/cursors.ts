/**
 * Cursors of SCAN, HSCAN, SSCAN and ZSCAN belong to one server: continued on another one they lose elements.
 *
 *   bits 0–46    a server's own cursor; of a side that is more than one server, or may become another, only bits 0–35
 *   bits 36–46   SCAN of such a side: which of its nodes (in the order of their slots), one after the other
 *   bit 47       the target made it, else the source
 *   bits 48–52   which nodes there were, or who had the key (a counter)
 *
 * A cursor that comes back while another side has the authority, or other nodes have the keys, begins the scan anew;
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
  op.place = nodes?.[place.node]?.slot ?? op.place;
  if (version !== null || authority.side === 'target') {
    const nextNode = nodes !== null && place.node + 1 < Math.min(nodes.length, NODES_MAX) ? place.node + 1 : 0;
    const { place: slot } = op;
    const { transform } = op;
    op.transform = (reply, probed) => {
      const hasMoved = versionOf(authority, isOfKeys, slot) !== version;
      const marked = markCursor(reply, authority.side, version, place.node, nextNode, hasMoved);
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
  if (isOfKeys && side.hasSlots) return side.map.epoch;
  return side.map.version[slot < 0 ? HOME : slot]!;
}

/**
 * A server's reply with the cursor for the client: of the `node` that answered, or of the next one when that has no more.
 * `hasMoved`: keys went elsewhere while it was asked, so that an end may be none. Anything that is not `[cursor, elements]`
 * stays as it was.
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
  let next = cursor === '0' ? { cursor, node: nextNode } : { cursor, node };
  // a cursor of before, which makes the scan begin anew
  if (hasMoved && next.cursor === '0' && next.node === 0) next = { cursor: '1', node: 0 };
  const marked = cursorOf(next, authority, version);
  if (marked === cursor) return reply;
  return Buffer.concat([Buffer.from(`*2\r\n$${marked.length}\r\n${marked}`), reply.subarray(to)]);
}
