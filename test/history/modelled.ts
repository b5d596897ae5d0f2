/**
 * Random commands whose replies are checked (model.ts), over a tiny key space: four hash tags, two to four keys each.
 *
 * Every value written is a token of its own, so that whoever reads it says which write was seen.
 */
import { type Args, outcomes, SCRIPT_DIGESTS, SCRIPTS, type State } from './model.js';
import type { Random } from './random.js';

export const TAGS = ['a', 'b', 'c', 'd'] as const;
export type Tag = (typeof TAGS)[number];

/** s: a string, n: a number, u: a set, l: a list (c's is big), locked: a string that the narrow user may only read */
const KEYS: Readonly<Record<Tag, readonly string[]>> = {
  a: ['s', 'n', 'locked'],
  b: ['s', 'u', 'v'],
  c: ['s', 'l'],
  d: ['n', 's', 'l'],
};

/** What a user without the right to them gets -NOPERM for (the workload's narrow user). */
const NARROW_USER_KEYS = ['~s{*', '~n{*', '~u{*', '~v{*', '~l{*', '~w:*', '~data{*', '~flag{*', '%R~locked{*'];
/** none of these is called by a script, whose refusal would be another error */
const FORBIDDEN_COMMANDS = ['setrange', 'rpush', 'getset'];
export const NARROW_USER_RULES = [...NARROW_USER_KEYS, '&*', '+@all', ...FORBIDDEN_COMMANDS.map((name) => `-${name}`)];

const BIG_LIST_ITEMS = 80;
const BIG_ITEM_BYTES = 120;

export function keysOf(tag: Tag): string[] {
  return KEYS[tag].map((name) => `${name}{${tag}}`);
}

/** The hash tag that an argument list is about. */
export function tagOf(args: Args): Tag | null {
  for (const arg of args) {
    const tag = /^[a-z:]+\{([abcd])\}$/.exec(arg)?.[1];
    if (tag !== undefined) return tag as Tag;
  }
  return null;
}

/** Commands that make an object's first values; some keys stay missing. */
export function fillObject(random: Random, tag: Tag): Args[] {
  const commands: Args[] = [];
  for (const key of keysOf(tag)) {
    if (random.oneIn(4)) continue;
    if (key.startsWith('l')) {
      const count = tag === 'c' ? BIG_LIST_ITEMS : 5;
      const items = Array.from({ length: count }, (_, i) => `first${i}`.padEnd(tag === 'c' ? BIG_ITEM_BYTES : 8, '.'));
      commands.push(['RPUSH', key, ...items]);
    } else if (key.startsWith('u') || key.startsWith('v')) commands.push(['SADD', key, 'm1', 'm2', 'm3']);
    else commands.push(['SET', key, key.startsWith('n') ? String(random.below(100)) : `first-${key};`]);
    if (random.oneIn(5)) commands.push(['EXPIRE', key, '5000']);
  }
  return commands;
}

/** The state that deterministic commands leave, starting from nothing. */
export function stateAfter(commands: readonly Args[]): State {
  let state: State = new Map();
  for (const args of commands) state = outcomes(state, { kind: 'command', args })[0]!.state;
  return state;
}

type Make = (random: Random, tag: Tag, token: string) => Args;

function keyNamed(random: Random, tag: Tag, names: string): string {
  const fitting = keysOf(tag).filter((key) => names.includes(key[0]!) && !key.startsWith('locked'));
  // now and then a key of another type: WRONGTYPE must be the same everywhere
  return fitting.length === 0 || random.oneIn(40) ? anyKey(random, tag) : random.pick(fitting);
}

function anyKey(random: Random, tag: Tag): string {
  return random.pick(keysOf(tag).filter((key) => !key.startsWith('locked')));
}

const text = (random: Random, tag: Tag): string => keyNamed(random, tag, 's');
const number = (random: Random, tag: Tag): string => keyNamed(random, tag, 'n');
const set = (random: Random, tag: Tag): string => keyNamed(random, tag, 'uv');
const list = (random: Random, tag: Tag): string => keyNamed(random, tag, 'l');
const member = (random: Random): string => `m${random.below(6)}`;

const READS: readonly (readonly [number, Make])[] = [
  [10, (r, t) => ['GET', text(r, t)]],
  [6, (r, t) => ['GET', number(r, t)]],
  [3, (r, t) => ['GET', anyKey(r, t)]],
  [2, (r, t) => ['STRLEN', text(r, t)]],
  [2, (r, t) => ['GETRANGE', text(r, t), '-9', '-1']],
  [2, (r, t) => ['EXISTS', anyKey(r, t)]],
  [1, (r, t) => ['EXISTS', anyKey(r, t), anyKey(r, t)]],
  [1, (r, t) => ['TYPE', anyKey(r, t)]],
  [2, (_r, t) => ['MGET', ...keysOf(t)]],
  [3, (r, t) => ['SMEMBERS', set(r, t)]],
  [1, (r, t) => ['SCARD', set(r, t)]],
  [1, (r, t) => ['SISMEMBER', set(r, t), member(r)]],
  [3, (r, t) => ['LRANGE', list(r, t), '0', '-1']],
  [2, (r, t) => ['LLEN', list(r, t)]],
  [2, (r, t) => ['LINDEX', list(r, t), r.pick(['0', '-1'])]],
];

const WRITES: readonly (readonly [number, Make])[] = [
  // replay
  [8, (r, t, token) => ['SET', text(r, t), token]],
  [3, (r, t) => ['SET', number(r, t), String(r.below(1000))]],
  [3, (r, t) => ['DEL', anyKey(r, t)]],
  [1, (r, t) => ['UNLINK', anyKey(r, t), anyKey(r, t)]],
  [6, (r, t) => ['INCR', number(r, t)]],
  [2, (r, t) => ['INCRBY', number(r, t), String(r.between(-50, 50))]],
  [1, (r, t) => ['DECR', number(r, t)]],
  [6, (r, t, token) => ['APPEND', text(r, t), token]],
  [1, (r, t, token) => ['SETRANGE', text(r, t), String(r.below(12)), token]],
  [1, (r, t) => ['GETDEL', text(r, t)]],
  [3, (r, t, token) => ['MSET', ...distinctKeys(r, t, 2).flatMap((key, i) => [key, `${i}${token}`])]],
  [3, (r, t, token) => ['RPUSH', list(r, t), token]],
  [2, (r, t, token) => ['LPUSH', list(r, t), token, `${token}2`]],
  [2, (r, t) => [r.pick(['LPOP', 'RPOP']), list(r, t)]],
  [2, (r, t) => [r.pick(['BLPOP', 'BRPOP']), list(r, t), r.pick(['0.002', '0.01', '0.03'])]],
  [1, (r, t) => lmove(list(r, t))],
  [3, (r, t) => ['SADD', set(r, t), member(r), member(r)]],
  [2, (r, t) => ['SREM', set(r, t), member(r)]],
  // one key into another
  [2, (r, t) => ['COPY', ...distinctKeys(r, t, 2), ...(r.oneIn(2) ? ['REPLACE'] : [])]],
  [2, (r, t) => ['RENAME', ...distinctKeys(r, t, 2)]],
  [1, (r, t) => ['RENAMENX', ...distinctKeys(r, t, 2)]],
  // derived from the clock
  [2, (r, t, token) => ['SET', text(r, t), token, 'EX', '4000']],
  [1, (r, t, token) => ['SETEX', text(r, t), '4000', token]],
  [1, (r, t) => ['GETEX', text(r, t), 'EX', '4000']],
  [1, (r, t) => ['EXPIRE', anyKey(r, t), '4000']],
  [1, (r, t) => ['PERSIST', anyKey(r, t)]],
  // derived from the outcome
  [2, (r, t, token) => ['SETNX', text(r, t), token]],
  [2, (r, t, token) => ['SET', text(r, t), token, r.pick(['NX', 'XX']), ...(r.oneIn(2) ? ['GET'] : [])]],
  [1, (r, t, token) => ['SET', text(r, t), token, 'KEEPTTL', 'GET']],
  [2, (r, t, token) => ['GETSET', text(r, t), token]],
  [1, (r, t, token) => ['MSETNX', ...distinctKeys(r, t, 2).flatMap((key, i) => [key, `${i}${token}`])]],
  [2, (r, t) => ['INCRBYFLOAT', number(r, t), r.pick(['0.5', '1.5', '-2.5'])]],
  [3, (r, t) => ['SPOP', set(r, t)]],
  [2, (r, t) => ['SMOVE', set(r, t), set(r, t), member(r)]],
  // copies
  [2, (r, t) => script(r, 'add', [number(r, t)], String(r.between(1, 9)))],
  [2, (r, t, token) => script(r, 'both', distinctKeys(r, t, 2), token)],
  [2, (r, t, token) => script(r, r.pick(['fail', 'raise']), [text(r, t)], token)],
];

/** What the narrow user may not do, by command and by key. */
const DENIED: readonly Make[] = [
  (r, t, token) => ['GETSET', text(r, t), token],
  (r, t, token) => ['SETRANGE', text(r, t), '0', token],
  (r, t, token) => ['RPUSH', list(r, t), token],
  (r, _, token) => ['SET', 'locked{a}', r.oneIn(2) ? token : String(r.below(9))],
  () => ['DEL', 'locked{a}'],
];

export function modelledRead(random: Random, tag: Tag): Args {
  return random.weighted(READS)(random, tag, '');
}

export function modelledWrite(random: Random, tag: Tag, token: string): Args {
  return random.weighted(WRITES)(random, tag, token);
}

export function deniedWrite(random: Random, tag: Tag, token: string): Args {
  return random.pick(DENIED)(random, tag, token);
}

/** Would the narrow user be refused? */
export function isDenied(args: Args): boolean {
  const name = args[0]!.toLowerCase();
  return FORBIDDEN_COMMANDS.includes(name) || (name !== 'get' && name !== 'mget' && args.includes('locked{a}'));
}

function distinctKeys(random: Random, tag: Tag, count: number): string[] {
  const keys = keysOf(tag).filter((key) => !key.startsWith('locked'));
  const first = random.below(keys.length);
  return Array.from({ length: count }, (_, i) => keys[(first + i) % keys.length]!);
}

function lmove(key: string): Args {
  return ['LMOVE', key, key, 'LEFT', 'RIGHT'];
}

function script(random: Random, name: string, keys: readonly string[], arg: string): Args {
  const digest = [...SCRIPT_DIGESTS].find(([, known]) => known === name)?.[0];
  const by = digest !== undefined && random.oneIn(3) ? ['EVALSHA', digest] : ['EVAL', SCRIPTS[name]!];
  return [...by, String(keys.length), ...keys, arg];
}
