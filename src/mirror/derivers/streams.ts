/**
 * Stream commands: ids and times that the server makes, trimming that it approximates, deliveries that it counts.
 *
 *   XADD             the id of the reply; an approximate trim becomes an exact one to the length that the probe saw
 *   XTRIM ~          → XTRIM MAXLEN = length seen by the probe
 *   XREADGROUP >     → XCLAIM … TIME RETRYCOUNT 1 FORCE JUSTID, then XGROUP SETID with the probe's position
 *   XREADGROUP id    history counts deliveries: XCLAIM … TIME on the entries that were shown
 *   XCLAIM           what was claimed; when less came back than was asked for, a copy (deleted entries leave no trace)
 *   XAUTOCLAIM       XCLAIM of what was claimed, XACK of what was found deleted
 *
 * A probe is a read that Ferry sends on the lane right behind the command, so that its reply shows the state that
 * the command left. https://redis.io/commands/xreadgroup
 */
import type { Reply } from '../../resp/values.js';
import type { Args, Derivation, Deriver } from '../derivation.js';

/** The index of the entry id in XADD's arguments, and the trimming options in front of it. */
interface XaddShape {
  readonly idIndex: number;
  readonly approximate: boolean;
  readonly trims: boolean;
}

function xaddShape(d: Pick<Derivation, 'argc' | 'option'>): XaddShape {
  let approximate = false;
  let trims = false;
  let i = 2;
  while (i < d.argc) {
    const option = d.option(i);
    if (option === 'NOMKSTREAM') i++;
    else if (option === 'MAXLEN' || option === 'MINID') {
      trims = true;
      i++;
      if (d.option(i) === '~') approximate = true;
      if (d.option(i) === '~' || d.option(i) === '=') i++;
      i++;
    } else if (option === 'LIMIT') i += 2;
    else if (option === 'KEEPREF' || option === 'DELREF' || option === 'ACKED') i++;
    else break;
  }
  return { idIndex: i, approximate, trims };
}

function xtrimIsApproximate(d: Pick<Derivation, 'argc' | 'option'>): boolean {
  return d.argc > 3 && d.option(3) === '~';
}

/** The reads to send right behind the command, so that its effect can be derived exactly; [] for none. */
export function streamProbes(name: string, d: Pick<Derivation, 'argc' | 'option' | 'arg'>): Args[] {
  if (name === 'xadd' && xaddShape(d).approximate) return [['XLEN', d.arg(1)]];
  if (name === 'xtrim' && xtrimIsApproximate(d)) return [['XLEN', d.arg(1)]];
  if (name === 'xreadgroup') {
    const { first, count } = streamsOf(d);
    return Array.from({ length: count }, (_, i) => ['XINFO', 'GROUPS', d.arg(first + i)]);
  }
  return [];
}

/** Where XREADGROUP's keys begin, and how many there are. */
function streamsOf(d: Pick<Derivation, 'argc' | 'option'>): { first: number; count: number } {
  let i = 4;
  while (i < d.argc && d.option(i) !== 'STREAMS') i++;
  const first = i + 1;
  return { first, count: Math.max(0, Math.floor((d.argc - first) / 2)) };
}

function xadd(d: Derivation): void {
  const id = d.replyValue();
  if (id === null) return; // NOMKSTREAM, and there was none
  if (!Buffer.isBuffer(id)) {
    d.copyKeys();
    return;
  }
  const shape = xaddShape(d);
  const args: Args = ['XADD', d.arg(1)];
  if (shape.trims && !shape.approximate) for (let i = 2; i < shape.idIndex; i++) args.push(d.arg(i));
  args.push(id);
  for (let i = shape.idIndex + 1; i < d.argc; i++) args.push(d.arg(i));
  if (!shape.approximate) {
    d.send(args);
    return;
  }
  const length = d.probed[0];
  if (length === undefined || (typeof length !== 'number' && typeof length !== 'string')) {
    d.copyKeys();
    return;
  }
  d.send(args);
  d.send(['XTRIM', d.arg(1), 'MAXLEN', '=', Number(length)]);
}

function xtrim(d: Derivation): void {
  if (d.replyInteger() === 0) return;
  if (!xtrimIsApproximate(d)) {
    d.verbatim();
    return;
  }
  const length = d.probed[0];
  if (typeof length !== 'number') {
    d.copyKeys();
    return;
  }
  d.send(['XTRIM', d.arg(1), 'MAXLEN', '=', length]);
}

function xreadgroup(d: Derivation): void {
  const group = d.arg(2);
  const consumer = d.arg(3);
  const { first, count } = streamsOf(d);
  let noAck = false;
  for (let i = 4; i < first - 1; i++) if (d.option(i) === 'NOACK') noAck = true;
  if (count === 0 || d.probed.length !== count || hasTwins(d, first, count)) {
    d.copyKeys();
    return;
  }
  const delivered = deliveredByKey(d.replyValue());
  for (let i = 0; i < count; i++) {
    const key = d.arg(first + i);
    const isNew = d.args.text(first + count + i) === '>';
    const position = groupPosition(d.probed[i]!, group);
    if (position === null) {
      d.copyKeys();
      return;
    }
    const shown = delivered.get(key.toString('latin1'));
    if (isNew && shown === undefined && !d.idleConsumers) continue; // before 7.2 nothing new makes no consumer
    d.send(['XGROUP', 'CREATECONSUMER', key, group, consumer]);
    const entries = shown ?? [];
    const ids = entries.filter((e) => e.present || isNew).map((e) => e.id);
    if (isNew) {
      if (ids.length > 0 && !noAck) {
        const time = Math.round(d.nowMs + d.shiftMs);
        d.send(['XCLAIM', key, group, consumer, 0, ...ids, 'TIME', time, 'RETRYCOUNT', 1, 'FORCE', 'JUSTID']);
      }
      if (ids.length > 0) d.send(['XGROUP', 'SETID', key, group, position.lastId, ...position.read]);
    } else if (ids.length > 0) {
      d.send(['XCLAIM', key, group, consumer, 0, ...ids, 'TIME', Math.round(d.nowMs + d.shiftMs)]);
    }
  }
}

/** A stream named twice is answered under one name twice, and nobody can tell which answer is whose. */
function hasTwins(d: Derivation, first: number, count: number): boolean {
  if (count === 1) return false;
  return new Set(Array.from({ length: count }, (_, i) => d.args.text(first + i))).size < count;
}

interface Delivered {
  readonly id: Buffer;
  /** False: the entry was deleted and only its id is still pending. */
  readonly present: boolean;
}

function deliveredByKey(reply: Reply): Map<string, Delivered[]> {
  const byKey = new Map<string, Delivered[]>();
  if (!Array.isArray(reply)) return byKey;
  // pairs in RESP2; RESP3's map was decoded to a flat list
  const flat = Buffer.isBuffer(reply[0]) ? reply : reply.flat();
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const [key, entries] = [flat[i], flat[i + 1]];
    if (!Buffer.isBuffer(key) || !Array.isArray(entries)) continue;
    byKey.set(
      key.toString('latin1'),
      entries.flatMap((e) => (Array.isArray(e) && Buffer.isBuffer(e[0]) ? [{ id: e[0], present: e[1] !== null }] : [])),
    );
  }
  return byKey;
}

/** The group's position from XINFO GROUPS; null when the group is not there. */
function groupPosition(reply: Reply, group: Buffer): { lastId: Buffer; read: Args } | null {
  if (!Array.isArray(reply)) return null;
  for (const fields of reply) {
    if (!Array.isArray(fields)) continue;
    const value = (name: string): Reply | undefined => {
      for (let i = 0; i + 1 < fields.length; i += 2) if (String(fields[i]) === name) return fields[i + 1];
      return undefined;
    };
    const name = value('name');
    if (!Buffer.isBuffer(name) || !name.equals(group)) continue;
    const lastId = value('last-delivered-id');
    const read = value('entries-read');
    if (!Buffer.isBuffer(lastId)) return null;
    return { lastId, read: read === undefined || read === null ? [] : ['ENTRIESREAD', Number(read)] };
  }
  return null;
}

function claimedIds(entries: Reply): Buffer[] | null {
  if (!Array.isArray(entries)) return null;
  const ids: Buffer[] = [];
  for (const entry of entries) {
    const id = Array.isArray(entry) ? entry[0] : entry;
    if (!Buffer.isBuffer(id)) return null; // a deleted entry of an older server
    ids.push(id);
  }
  return ids;
}

function xclaim(d: Derivation): void {
  const ids = claimedIds(d.replyValue());
  let asked = 0;
  let i = 5;
  while (i < d.argc && /^\d+(-\d+)?$/.test(d.args.text(i))) {
    asked++;
    i++;
  }
  const options: Args = [];
  let timed = false;
  for (; i < d.argc; i++) {
    const option = d.option(i);
    if (option === 'IDLE') {
      options.push('TIME', Math.round(d.nowMs + d.shiftMs - d.args.int(++i)));
      timed = true;
    } else if (option === 'TIME') {
      options.push('TIME', d.onMirrorClock(d.args.int(++i)));
      timed = true;
    } else if (option === 'RETRYCOUNT' || option === 'LASTID') options.push(option, d.arg(++i));
    else options.push(option);
  }
  if (ids === null || ids.length !== asked) {
    d.copyKeys();
    return;
  }
  if (!timed) options.push('TIME', Math.round(d.nowMs + d.shiftMs));
  d.send(['XCLAIM', d.arg(1), d.arg(2), d.arg(3), 0, ...ids, ...options]);
}

function xautoclaim(d: Derivation): void {
  const reply = d.replyValue();
  if (!Array.isArray(reply)) {
    d.copyKeys();
    return;
  }
  const ids = claimedIds(reply[1] ?? null);
  const deleted = reply.length > 2 ? claimedIds(reply[2]!) : [];
  if (ids === null || deleted === null) {
    d.copyKeys();
    return;
  }
  let justId = false;
  for (let i = 6; i < d.argc; i++) if (d.option(i) === 'JUSTID') justId = true;
  if (d.idleConsumers) d.send(['XGROUP', 'CREATECONSUMER', d.arg(1), d.arg(2), d.arg(3)]);
  if (deleted.length > 0) d.send(['XACK', d.arg(1), d.arg(2), ...deleted]);
  if (ids.length === 0) return;
  const time: Args = ['TIME', Math.round(d.nowMs + d.shiftMs)];
  d.send(['XCLAIM', d.arg(1), d.arg(2), d.arg(3), 0, ...ids, ...time, ...(justId ? ['JUSTID'] : [])]);
}

export const STREAM_DERIVERS: Readonly<Record<string, Deriver>> = { xadd, xtrim, xreadgroup, xclaim, xautoclaim };
