/**
 * What Redis answers and leaves, by hand, for one object: the few keys of one hash tag in one database.
 *
 * At least one command of every mirroring class is modelled:
 *
 *   replay             SET DEL UNLINK INCR INCRBY DECR APPEND SETRANGE MSET RPUSH LPUSH LPOP RPOP LMOVE SADD SREM GETDEL
 *                      COPY RENAME RENAMENX FLUSHALL FLUSHDB
 *   derived, time      SET EX, SETEX, GETEX EX, EXPIRE, PERSIST (deadlines so far away that nothing dies)
 *   derived, outcome   SETNX, SET NX|XX|GET, MSETNX, GETSET, SMOVE, SPOP, INCRBYFLOAT, BLPOP, BRPOP
 *   copy               EVAL and EVALSHA of SCRIPTS, one of which writes and then errors
 *   none               GET MGET STRLEN GETRANGE EXISTS TYPE SCARD SISMEMBER SMEMBERS LLEN LRANGE LINDEX
 *
 * A command may have several outcomes (SPOP); each is a state and the reply that goes with it. Errors are compared by
 * their first word. Whether a key has a TTL is part of the state, since PERSIST tells.
 */
import type { Model } from './checker.js';
import { ErrorReply, type Reply } from './resp.js';

export type Value =
  | { readonly kind: 'string'; readonly text: string; readonly ttl: boolean }
  | { readonly kind: 'list'; readonly items: readonly string[]; readonly ttl: boolean }
  /** members sorted */
  | { readonly kind: 'set'; readonly members: readonly string[]; readonly ttl: boolean };

export type State = ReadonlyMap<string, Value>;

export type Args = readonly string[];

export type Call =
  | { readonly kind: 'command'; readonly args: Args }
  /** a command that this user may not run: -NOPERM, and nothing happens */
  | { readonly kind: 'denied'; readonly args: Args }
  /** MULTI … EXEC as one step; its reply is EXEC's, reduced to the calls given here */
  | { readonly kind: 'exec'; readonly calls: readonly Args[] }
  /** the object was seen in this state, by somebody who looked at all of it at once */
  | { readonly kind: 'observed'; readonly state: State };

/** What a reply has to be: itself, or the elements in whatever order. */
type Expected = Reply | { readonly anyOrder: readonly string[] };

interface Outcome {
  readonly state: State;
  readonly reply: Expected;
}

/** By name; each works on its KEYS only and has a known effect. */
export const SCRIPTS: Readonly<Record<string, string>> = {
  /** INCRBY KEYS[1] ARGV[1] */
  add: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
  /** appends to both keys and returns the length of the first */
  both: "redis.call('APPEND', KEYS[2], ARGV[1]) return redis.call('APPEND', KEYS[1], ARGV[1])",
  /** appends, then fails: the effect stays */
  fail: "redis.call('APPEND', KEYS[1], ARGV[1]) return redis.error_reply('ERR failed after its write')",
  /** the same by way of a Lua error */
  raise: "redis.call('APPEND', KEYS[1], ARGV[1]) error('raised after its write')",
};

const SCRIPT_NAMES = new Map(Object.entries(SCRIPTS).map(([name, body]) => [body, name]));

/** EVALSHA's digest → the script's name; filled by whoever loads the scripts. */
export const SCRIPT_DIGESTS = new Map<string, string>();

const WRONGTYPE = new ErrorReply('WRONGTYPE');
const ERR = new ErrorReply('ERR');
const NOSCRIPT = new ErrorReply('NOSCRIPT');
const MAX_INTEGER = 2n ** 63n - 1n;

export const redisModel: Model<State, Call, Reply> = {
  next(state, call, reply) {
    return outcomes(state, call)
      .filter((outcome) => reply === undefined || matches(outcome.reply, reply))
      .map((outcome) => outcome.state);
  },
  isIdle(call, reply) {
    if (call.kind === 'observed' || call.kind === 'denied') return true;
    if (call.kind === 'exec') return call.calls.every((args) => READS.has(args[0]!.toLowerCase()));
    const name = call.args[0]!.toLowerCase();
    if (READS.has(name)) return true;
    if (BLOCKING.has(name)) return reply === null;
    return IDLE_IF_ZERO.has(name) && reply === 0;
  },
  touches(call) {
    if (call.kind === 'observed') return ALL_KEYS;
    const all = call.kind === 'exec' ? call.calls.map(keysOfArgs) : [keysOfArgs(call.args)];
    return all.flat();
  },
  isRead(call) {
    if (call.kind === 'observed' || call.kind === 'denied') return true;
    const names = call.kind === 'exec' ? call.calls.map((args) => args[0]!) : [call.args[0]!];
    return names.every((name) => READS.has(name.toLowerCase()));
  },
  identity: identify,
};

const ALL_KEYS = 's n u v l locked k'.split(' ');

/** What stands before the hash tag, of every argument that is a key. */
function keysOfArgs(args: Args): readonly string[] {
  if (args[0]!.startsWith('FLUSH')) return ALL_KEYS;
  const keys = args.slice(1).filter((arg) => /^[a-z]+\{[a-z]\}$/.test(arg));
  return keys.length > 0 ? keys.map((key) => key.slice(0, key.indexOf('{'))) : ALL_KEYS;
}

const READS = new Set('get strlen getrange exists type mget llen lindex lrange scard sismember smembers'.split(' '));
/** Writes that answer 0 if and only if they changed nothing. */
const IDLE_IF_ZERO = new Set('del unlink setnx msetnx copy renamenx sadd srem smove expire persist'.split(' '));

/** They wait, and then answer null. */
const BLOCKING = new Set(['blpop', 'brpop']);

const identities = new WeakMap<State, string>();

function identify(state: State): string {
  let identity = identities.get(state);
  if (identity === undefined) {
    identity = JSON.stringify(
      [...state].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, v]) => [key, contents(v), v.ttl]),
    );
    identities.set(state, identity);
  }
  return identity;
}

function contents(value: Value): unknown {
  if (value.kind === 'string') return value.text;
  return value.kind === 'list' ? ['l', value.items] : ['s', value.members];
}

export function outcomes(state: State, call: Call): readonly Outcome[] {
  switch (call.kind) {
    case 'command':
      return commandOutcomes(state, call.args);
    case 'denied':
      return [{ state, reply: new ErrorReply('NOPERM') }];
    case 'exec':
      return execOutcomes(state, call.calls);
    case 'observed':
      return identify(call.state) === identify(state) ? [{ state, reply: 'observed' }] : [];
  }
}

function execOutcomes(state: State, calls: readonly Args[]): readonly Outcome[] {
  let all: { state: State; replies: Expected[] }[] = [{ state, replies: [] }];
  for (const args of calls) {
    all = all.flatMap((so) =>
      commandOutcomes(so.state, args).map((o) => ({ state: o.state, replies: [...so.replies, o.reply] })),
    );
  }
  // an array of expectations is matched element by element
  return all.map((so) => ({ state: so.state, reply: so.replies as Reply }));
}

function matches(expected: Expected, reply: Reply): boolean {
  if (expected instanceof ErrorReply) return reply instanceof ErrorReply && reply.word === expected.word;
  if (Array.isArray(expected)) {
    if (!Array.isArray(reply) || reply.length !== expected.length) return false;
    return expected.every((part: Expected, i) => matches(part, reply[i] as Reply));
  }
  if (typeof expected === 'object' && expected !== null && 'anyOrder' in expected) {
    return Array.isArray(reply) && matches([...expected.anyOrder].sort(), [...(reply as string[])].sort());
  }
  return expected === reply;
}

function commandOutcomes(state: State, args: Args): readonly Outcome[] {
  const name = args[0]!.toLowerCase();
  const command = COMMANDS[name];
  if (command === undefined) throw new Error(`${name} is not modelled`);
  const made = attempt(command, state, args.slice(1));
  // a digest that the server does not know (yet) is refused, and the client would send the script itself
  return name === 'evalsha' ? [...made, { state, reply: NOSCRIPT }] : made;
}

function attempt(command: Command, state: State, args: readonly string[]): readonly Outcome[] {
  try {
    return [command(new Draft(state), args)].flat();
  } catch (error) {
    if (error instanceof Refusal) return [{ state, reply: error.reply }];
    throw error;
  }
}

/** Thrown by a command that changes nothing because of what it found. */
class Refusal extends Error {
  constructor(readonly reply: ErrorReply) {
    super(reply.text);
  }
}

/** A state being changed; `with` closes it. */
class Draft {
  private changed: Map<string, Value> | null = null;

  constructor(private readonly before: State) {}

  get(key: string): Value | undefined {
    return (this.changed ?? this.before).get(key);
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  text(key: string): string | null {
    const value = this.get(key);
    if (value === undefined) return null;
    if (value.kind !== 'string') throw new Refusal(WRONGTYPE);
    return value.text;
  }

  items(key: string): readonly string[] {
    const value = this.get(key);
    if (value === undefined) return [];
    if (value.kind !== 'list') throw new Refusal(WRONGTYPE);
    return value.items;
  }

  members(key: string): readonly string[] {
    const value = this.get(key);
    if (value === undefined) return [];
    if (value.kind !== 'set') throw new Refusal(WRONGTYPE);
    return value.members;
  }

  ttl(key: string): boolean {
    return this.get(key)?.ttl ?? false;
  }

  put(key: string, value: Value): this {
    this.changed ??= new Map(this.before);
    this.changed.set(key, value);
    return this;
  }

  delete(key: string): this {
    this.changed ??= new Map(this.before);
    this.changed.delete(key);
    return this;
  }

  clear(): this {
    this.changed = new Map();
    return this;
  }

  /** an empty text is a string of no bytes, not a missing key */
  putText(key: string, text: string, ttl: boolean): this {
    return this.put(key, { kind: 'string', text, ttl });
  }

  putItems(key: string, items: readonly string[]): this {
    return items.length === 0 ? this.delete(key) : this.put(key, { kind: 'list', items, ttl: this.ttl(key) });
  }

  putMembers(key: string, members: readonly string[]): this {
    if (members.length === 0) return this.delete(key);
    return this.put(key, { kind: 'set', members: [...members].sort(), ttl: this.ttl(key) });
  }

  with(reply: Expected): Outcome {
    return { state: this.changed ?? this.before, reply };
  }

  /** a second draft of the same state, for another outcome */
  another(): Draft {
    return new Draft(this.changed ?? this.before);
  }
}

type Command = (at: Draft, args: readonly string[]) => Outcome | readonly Outcome[];

const COMMANDS: Readonly<Record<string, Command>> = {
  get: (at, [key]) => at.with(at.text(key!)),
  strlen: (at, [key]) => at.with((at.text(key!) ?? '').length),
  getrange: (at, [key, from, to]) => at.with(range(at.text(key!) ?? '', Number(from), Number(to))),
  exists: (at, keys) => at.with(keys.filter((key) => at.has(key)).length),
  type: (at, [key]) => at.with(at.get(key!)?.kind ?? 'none'),
  mget: (at, keys) => at.with(keys.map((key) => (at.get(key)?.kind === 'string' ? at.text(key) : null))),

  set,
  setnx: (at, [key, text]) => (at.has(key!) ? at.with(0) : at.putText(key!, text!, false).with(1)),
  setex: (at, [key, , text]) => at.putText(key!, text!, true).with('OK'),
  getset: (at, [key, text]) => {
    const old = at.text(key!);
    return at.putText(key!, text!, false).with(old);
  },
  getdel: (at, [key]) => {
    const old = at.text(key!);
    return at.delete(key!).with(old);
  },
  // GETEX key EX seconds
  getex: (at, [key]) => {
    const old = at.text(key!);
    return old === null ? at.with(null) : at.putText(key!, old, true).with(old);
  },
  expire: (at, [key]) => withTtl(at, key!, true),
  persist: (at, [key]) => (at.ttl(key!) ? withTtl(at, key!, false) : at.with(0)),
  append: (at, [key, text]) => {
    const longer = (at.text(key!) ?? '') + text!;
    return at.putText(key!, longer, at.ttl(key!)).with(longer.length);
  },
  setrange: (at, [key, offset, text]) => {
    const old = (at.text(key!) ?? '').padEnd(Number(offset), '\0');
    const changed = old.slice(0, Number(offset)) + text! + old.slice(Number(offset) + text!.length);
    return at.putText(key!, changed, at.ttl(key!)).with(changed.length);
  },
  incr: (at, [key]) => increase(at, key!, 1n),
  decr: (at, [key]) => increase(at, key!, -1n),
  incrby: (at, [key, by]) => increase(at, key!, BigInt(by!)),
  // increments and values are multiples of 0.5, which are exact in every representation
  incrbyfloat: (at, [key, by]) => {
    const old = at.text(key!) ?? '0';
    if (!/^-?\d{1,15}(\.5)?$/.test(old)) throw new Refusal(ERR);
    const sum = String(Number(old) + Number(by));
    return at.putText(key!, sum, at.ttl(key!)).with(sum);
  },

  del: deleteKeys,
  unlink: deleteKeys,
  mset: (at, pairs) => {
    for (let i = 0; i < pairs.length; i += 2) at.putText(pairs[i]!, pairs[i + 1]!, false);
    return at.with('OK');
  },
  msetnx: (at, pairs) => {
    for (let i = 0; i < pairs.length; i += 2) if (at.has(pairs[i]!)) return at.with(0);
    for (let i = 0; i < pairs.length; i += 2) at.putText(pairs[i]!, pairs[i + 1]!, false);
    return at.with(1);
  },
  copy: (at, [from, to, replace]) => {
    const value = at.get(from!);
    if (from === to) throw new Refusal(ERR);
    if (value === undefined || (at.has(to!) && replace === undefined)) return at.with(0);
    return at.put(to!, value).with(1);
  },
  rename: (at, [from, to]) => {
    const value = at.get(from!);
    if (value === undefined) throw new Refusal(ERR);
    return at.delete(from!).put(to!, value).with('OK');
  },
  renamenx: (at, [from, to]) => {
    const value = at.get(from!);
    if (value === undefined) throw new Refusal(ERR);
    return at.has(to!) ? at.with(0) : at.delete(from!).put(to!, value).with(1);
  },

  rpush: (at, [key, ...added]) => {
    const items = [...at.items(key!), ...added];
    return at.putItems(key!, items).with(items.length);
  },
  lpush: (at, [key, ...added]) => {
    const items = [...added.reverse(), ...at.items(key!)];
    return at.putItems(key!, items).with(items.length);
  },
  lpop: (at, [key]) => {
    const items = at.items(key!);
    return items.length === 0 ? at.with(null) : at.putItems(key!, items.slice(1)).with(items[0]!);
  },
  rpop: (at, [key]) => {
    const items = at.items(key!);
    return items.length === 0 ? at.with(null) : at.putItems(key!, items.slice(0, -1)).with(items.at(-1)!);
  },
  // a timeout is an answer that some moment gave: the list was empty then
  blpop: (at, [key]) => {
    const items = at.items(key!);
    return items.length === 0 ? at.with(null) : at.putItems(key!, items.slice(1)).with([key!, items[0]!]);
  },
  brpop: (at, [key]) => {
    const items = at.items(key!);
    return items.length === 0 ? at.with(null) : at.putItems(key!, items.slice(0, -1)).with([key!, items.at(-1)!]);
  },
  // LMOVE key key LEFT RIGHT: the first becomes the last
  lmove: (at, [key]) => {
    const items = at.items(key!);
    return items.length === 0 ? at.with(null) : at.putItems(key!, [...items.slice(1), items[0]!]).with(items[0]!);
  },
  llen: (at, [key]) => at.with(at.items(key!).length),
  lindex: (at, [key, index]) => at.with(at.items(key!).at(Number(index)) ?? null),
  lrange: (at, [key, from, to]) => at.with([...slice(at.items(key!), Number(from), Number(to))]),

  sadd: (at, [key, ...added]) => {
    const old = at.members(key!);
    const fresh = [...new Set(added)].filter((member) => !old.includes(member));
    return fresh.length === 0 ? at.with(0) : at.putMembers(key!, [...old, ...fresh]).with(fresh.length);
  },
  srem: (at, [key, ...gone]) => {
    const old = at.members(key!);
    const rest = old.filter((member) => !gone.includes(member));
    return rest.length === old.length ? at.with(0) : at.putMembers(key!, rest).with(old.length - rest.length);
  },
  spop: (at, [key]) => {
    const old = at.members(key!);
    if (old.length === 0) return at.with(null);
    const without = (member: string) => old.filter((other) => other !== member);
    return old.map((member) => at.another().putMembers(key!, without(member)).with(member));
  },
  smove: (at, [from, to, member]) => {
    const source = at.members(from!);
    if (source.length === 0) return at.with(0);
    const goal = at.members(to!);
    if (!source.includes(member!)) return at.with(0);
    if (from === to) return at.with(1);
    at.putMembers(
      from!,
      source.filter((other) => other !== member),
    );
    return (goal.includes(member!) ? at : at.putMembers(to!, [...goal, member!])).with(1);
  },
  scard: (at, [key]) => at.with(at.members(key!).length),
  sismember: (at, [key, member]) => at.with(at.members(key!).includes(member!) ? 1 : 0),
  smembers: (at, [key]) => at.with({ anyOrder: at.members(key!) }),

  flushall: (at) => at.clear().with('OK'),
  flushdb: (at) => at.clear().with('OK'),

  eval: (at, [body, count, ...rest]) => runScript(at, SCRIPT_NAMES.get(body!)!, Number(count), rest),
  evalsha: (at, [digest, count, ...rest]) => runScript(at, SCRIPT_DIGESTS.get(digest!)!, Number(count), rest),
};

/** SET key text [NX|XX] [GET] [EX seconds] [KEEPTTL], as far as the workload uses it */
function set(at: Draft, [key, text, ...options]: readonly string[]): Outcome {
  const old = at.get(key!);
  const get = options.includes('GET');
  const before = get ? at.text(key!) : null;
  if ((options.includes('NX') && old !== undefined) || (options.includes('XX') && old === undefined)) {
    return at.with(before);
  }
  at.putText(key!, text!, options.includes('EX') || (options.includes('KEEPTTL') && at.ttl(key!)));
  return at.with(get ? before : 'OK');
}

function withTtl(at: Draft, key: string, ttl: boolean): Outcome {
  const value = at.get(key);
  return value === undefined ? at.with(0) : at.put(key, { ...value, ttl }).with(1);
}

function increase(at: Draft, key: string, by: bigint): Outcome {
  const old = at.text(key) ?? '0';
  if (!/^(0|-?[1-9]\d{0,18})$/.test(old)) throw new Refusal(ERR);
  const sum = BigInt(old) + by;
  if (sum > MAX_INTEGER || sum < -MAX_INTEGER) throw new Refusal(ERR);
  return at.putText(key, String(sum), at.ttl(key)).with(Number(sum));
}

function deleteKeys(at: Draft, keys: readonly string[]): Outcome {
  let count = 0;
  for (const key of keys) {
    if (!at.has(key)) continue;
    at.delete(key);
    count++;
  }
  return at.with(count);
}

function runScript(at: Draft, name: string, keyCount: number, rest: readonly string[]): Outcome {
  const keys = rest.slice(0, keyCount);
  const text = rest[keyCount]!;
  switch (name) {
    case 'add':
      return increase(at, keys[0]!, BigInt(text));
    case 'both': {
      // the second key first: if the first key is of another type, what was appended to the second stays
      at.putText(keys[1]!, (at.text(keys[1]!) ?? '') + text, at.ttl(keys[1]!));
      if (at.has(keys[0]!) && at.get(keys[0]!)?.kind !== 'string') return at.with(WRONGTYPE);
      const first = (at.text(keys[0]!) ?? '') + text;
      return at.putText(keys[0]!, first, at.ttl(keys[0]!)).with(first.length);
    }
    case 'fail':
    case 'raise':
      return at.putText(keys[0]!, (at.text(keys[0]!) ?? '') + text, at.ttl(keys[0]!)).with(ERR);
    default:
      throw new Error(`no script ${name}`);
  }
}

function range(text: string, from: number, to: number): string {
  return slice([...text], from, to).join('');
}

/** Redis' inclusive range with negative indices */
function slice(items: readonly string[], from: number, to: number): readonly string[] {
  const start = from < 0 ? Math.max(0, items.length + from) : from;
  const end = to < 0 ? items.length + to : to;
  return end < start ? [] : items.slice(start, end + 1);
}
