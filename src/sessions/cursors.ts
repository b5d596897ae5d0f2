/**
 * Cursors of SCAN, HSCAN, SSCAN and ZSCAN belong to one server: continued on another one they lose elements.
 *
 * So that a scan may span a cutover or a rollback, a cursor says which side made it: the source's are as they are, the
 * target's have bit 47 set. One that comes back while the other side has the authority begins the scan anew; elements
 * may then be returned twice, as SCAN allows, and none is missed. Small enough for clients that keep cursors in doubles,
 * and harmless where it meets a server by mistake: Redis ignores the bits above its table's size.
 *
 * Not covered: cursors inside MULTI, which pass as they are. https://redis.io/commands/scan
 */
import type { Command } from '../commands/table.js';
import { encodeCommand } from '../resp/encode.js';
import { ArgReader } from '../resp/request.js';
import type { ClientOp } from './client-op.js';

const OF_TARGET = 2 ** 47;
const CR = 13;

const args = new ArgReader();

export function isScan(command: Command): boolean {
  return command.name === 'scan' || command.name === 'hscan' || command.name === 'sscan' || command.name === 'zscan';
}

/** The cursor as the side with the authority should get it: its own, or 0 when it is the other side's. */
export function cursorToSend(cursor: string, authority: 'source' | 'target'): string {
  const value = Number(cursor);
  // not a cursor of ours, and perhaps none at all: the server will say
  if (!/^\d+$/.test(cursor) || value === 0 || value >= 2 * OF_TARGET) return cursor;
  const madeBy = value >= OF_TARGET ? 'target' : 'source';
  if (madeBy !== authority) return '0';
  return authority === 'target' ? String(value - OF_TARGET) : cursor;
}

/** Makes the op's bytes those for the side that answers it. */
export function sendCursor(op: ClientOp): void {
  const { wire, frame, frameStart, frameEnd } = op;
  if (wire === null) args.read(frame, frameStart, frameEnd);
  else args.read(wire, 0, wire.length);
  const at = op.command!.name === 'scan' ? 1 : 2;
  const cursor = args.text(at);
  const sent = cursorToSend(cursor, op.answeredBy);
  if (op.answeredBy === 'target') op.transform = markCursor;
  if (sent !== cursor) {
    const changed: (Buffer | string)[] = [];
    for (let i = 0; i < args.argc; i++) changed.push(i === at ? sent : args.arg(i));
    op.wire = encodeCommand(changed);
  }
  args.clear();
}

/** The target's reply, its cursor marked; anything that is not `[cursor, elements]`, or is the end, as it was. */
export function markCursor(reply: Buffer): Buffer {
  const from = reply.indexOf(CR, reply.indexOf(CR) + 2) + 2;
  const to = reply.indexOf(CR, from);
  const value = Number(reply.toString('latin1', from, to));
  if (reply.toString('latin1', 0, 5) !== '*2\r\n$' || !(value > 0 && value < OF_TARGET)) return reply;
  const marked = String(value + OF_TARGET);
  return Buffer.concat([Buffer.from(`*2\r\n$${marked.length}\r\n${marked}`), reply.subarray(to)]);
}
