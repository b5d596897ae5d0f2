/**
 * The other direction of a prefix: what a Cluster answers about a database whose keys are behind one, with the keys'
 * own names in it. Pure, on whole replies of either protocol version.
 *
 *   KEYS, SCAN                       other databases' keys left out, the prefix off
 *   XREAD, XREADGROUP                the streams' names
 *   BLPOP and its like, LMPOP, …     the name of the key that was popped from
 *   errors that name a key           NOGROUP
 *
 * Of the database without a prefix only KEYS and SCAN change: they must not show what is behind the prefixes. What a
 * script makes of its KEYS stays as the script gave it.
 */
import type { Upstream } from '../../lanes/upstream.js';
import { bulkReply } from '../../resp/encode.js';
import { elementSpans, isError, isNull } from '../../resp/values.js';
import type { KeyPrefixes } from '../../topology/key-prefixes.js';

export type NamesBack = (reply: Buffer) => Buffer;

type Form = (names: Names, reply: Buffer) => Buffer;

const DOLLAR = 0x24;
const PERCENT = 0x25;
const CR = 0x0d;

const FORMS: ReadonlyMap<string, Form> = new Map<string, Form>([
  ['keys', keyList],
  ['scan', (names, reply) => changed(reply, (i, element) => (i === 1 ? keyList(names, element) : element))],
  ['xread', streams],
  ['xreadgroup', streams],
  ...['blpop', 'brpop', 'bzpopmin', 'bzpopmax', 'lmpop', 'blmpop', 'zmpop', 'bzmpop'].map(
    (name) => [name, firstIsName] as const,
  ),
]);

/** What is to be done with the replies to that command; null: nothing, as nearly always. */
export function namesBackFor({ prefixes }: Upstream, name: string, db: number): NamesBack | null {
  if (prefixes === null) return null;
  const isOfKeys = name === 'keys' || name === 'scan';
  if (!prefixes.has(db) && !isOfKeys) return null;
  const form = FORMS.get(name);
  if (form === undefined && name[0] !== 'x') return null; // only streams' errors name a key
  const names = new Names(prefixes, db);
  return (reply) => {
    if (isError(reply, 0)) return names.ofError(reply);
    return form === undefined || isNull(reply, 0) ? reply : form(names, reply);
  };
}

/** The same for EXEC: of each of its commands, in order; null where there is nothing to do. */
export function namesBackInExec(each: readonly (NamesBack | null)[]): NamesBack | null {
  if (each.every((one) => one === null)) return null;
  return (reply) => {
    if (isError(reply, 0) || isNull(reply, 0)) return reply;
    return changed(reply, (i, element) => each[i]?.(element) ?? element);
  };
}

class Names {
  private readonly text: string;

  constructor(
    private readonly prefixes: KeyPrefixes,
    private readonly db: number,
  ) {
    this.text = prefixes.of(db)?.toString('latin1') ?? '';
  }

  /** A bulk string that is a key; null when it is another database's. */
  ofKey(element: Buffer): Buffer | null {
    if (element[0] !== DOLLAR || isNull(element, 0)) return element;
    const here = element.subarray(element.indexOf(CR) + 2, element.length - 2);
    const key = this.prefixes.logicalKey(this.db, here);
    return key === null || key === here ? (key === null ? null : element) : bulkReply(key);
  }

  ofError(reply: Buffer): Buffer {
    if (this.text === '') return reply;
    const text = reply.toString('latin1');
    if (!text.startsWith('-NOGROUP ')) return reply;
    for (const before of ["No such key '", "for key name '"]) {
      const at = text.indexOf(before + this.text);
      if (at < 0) continue;
      const from = at + before.length;
      return Buffer.from(text.slice(0, from) + text.slice(from + this.text.length), 'latin1');
    }
    return reply;
  }
}

function keyList(names: Names, reply: Buffer): Buffer {
  return changed(reply, (_, element) => names.ofKey(element));
}

function firstIsName(names: Names, reply: Buffer): Buffer {
  return changed(reply, (i, element) => (i === 0 ? names.ofKey(element) : element));
}

/** A list of [name, entries], in RESP3 a map. */
function streams(names: Names, reply: Buffer): Buffer {
  if (reply[0] === PERCENT) return changed(reply, (i, element) => (i % 2 === 0 ? names.ofKey(element) : element));
  return changed(reply, (_, element) => firstIsName(names, element));
}

/** The reply with its elements changed; those that become null are left out (of a map none may). */
function changed(reply: Buffer, change: (i: number, element: Buffer) => Buffer | null): Buffer {
  const spans: number[] = [];
  const count = elementSpans(reply, 0, reply.length, spans);
  if (count < 0) return reply;
  const elements: Buffer[] = [];
  for (let i = 0; i < count; i++) {
    const element = change(i, reply.subarray(spans[2 * i]!, spans[2 * i + 1]!));
    if (element !== null) elements.push(element);
  }
  const isMap = reply[0] === PERCENT;
  const head = `${String.fromCharCode(reply[0]!)}${isMap ? elements.length / 2 : elements.length}\r\n`;
  return Buffer.concat([Buffer.from(head), ...elements]);
}
