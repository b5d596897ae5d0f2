/**
 * What one case of a write command is, and the small language the cases are written in.
 *
 * A case names a command, brings its keys into a state (`setup`), and then changes data (`run`). Command lines are
 * strings split at blanks, or arrays where an argument holds blanks or bytes. In both:
 *
 *   @name            a key of this case: every case has a key space of its own, so that all can run in one batch
 *   {s+100} {s-100}  Unix seconds, 100 from now or ago          {ms+100000} the same in milliseconds
 *   {payload:hash}   the DUMP of a value of that type           {functions}  the FUNCTION DUMP of LIBRARY
 *   {sha:text}       the SHA-1 of SCRIPTS[text]
 *
 * Strings are sent as latin1, so "\xff\x00" are bytes.
 *
 * `known` and `unknown` say how Ferry must mirror each command of `run` that has an effect: the classes of
 * src/commands/mirroring.ts. One word holds for all of them; of several, one is for each effect, in order.
 * Alternatives are joined by "|"; with "none" among them the effect may be absent. `known`: the setup went
 * through Ferry. `unknown`: the keys were there before Ferry mirrored anything.
 */
import { createHash } from 'node:crypto';

export type CommandLine = string | readonly (string | number)[];

export interface Mirrored {
  readonly known: string;
  readonly unknown: string;
}

/** Replayed with the same bytes in any case: it overwrites every key it writes. */
export const WHOLE: Mirrored = { known: 'replay', unknown: 'replay' };
/** Replayed where the key it builds on is known, else the key is copied. */
export const BASE: Mirrored = { known: 'replay', unknown: 'copy' };
/** Only what happened is sent, where the key is known. */
export const OUTCOME: Mirrored = { known: 'outcome', unknown: 'copy' };
/** Only what happened is sent, and that overwrites the key. */
export const OUTCOME_WHOLE: Mirrored = { known: 'outcome', unknown: 'outcome' };
/** The deadline is sent as the moment that the authority computed, where the key is known. */
export const TIME: Mirrored = { known: 'time', unknown: 'copy' };
/** The same, and the key is overwritten. */
export const TIME_WHOLE: Mirrored = { known: 'time', unknown: 'time' };
/** Never replayed: the keys are copied. */
export const COPY: Mirrored = { known: 'copy', unknown: 'copy' };

export interface WriteCase {
  /** As COMMAND names it, containers as "xgroup|create". */
  readonly command: string;
  /** What is special about this case; unique within the command. */
  readonly name: string;
  readonly mirrored: Mirrored;
  readonly setup: readonly CommandLine[];
  readonly run: readonly CommandLine[];
  /** The reply differs from run to run (a random member, a new stream id). */
  readonly replyVaries: boolean;
  /** An error is among the replies, on purpose. */
  readonly fails: boolean;
  /** Changes what other cases rely on (FLUSHALL), so it does not run within a batch. */
  readonly alone: boolean;
  /** Only bytes change that are no value (a HyperLogLog's cached count). */
  readonly hidden: boolean;
}

export interface CaseText {
  readonly setup?: readonly CommandLine[];
  /** One line as a string, or several. */
  readonly run: string | readonly CommandLine[];
  readonly replyVaries?: boolean;
  readonly fails?: boolean;
  readonly alone?: boolean;
  readonly hidden?: boolean;
}

export function writeCase(command: string, name: string, mirrored: Mirrored, text: CaseText): WriteCase {
  return {
    command,
    name,
    mirrored,
    setup: text.setup ?? [],
    run: typeof text.run === 'string' ? [text.run] : text.run,
    replyVaries: text.replyVaries ?? false,
    fails: text.fails ?? false,
    alone: text.alone ?? false,
    hidden: text.hidden ?? false,
  };
}

/** Scripts that the cases run by their SHA-1; Ferry must have them on both sides. */
export const SCRIPTS = {
  push: "redis.call('RPUSH', KEYS[1], ARGV[1]) return redis.call('LLEN', KEYS[1])",
  evaluated: "return redis.call('SET', KEYS[1], 'by a script that came with EVAL')",
  loaded: "return redis.call('SET', KEYS[1], 'by a loaded script')",
  flushed: "return redis.call('SET', KEYS[1], 'by a script that gets flushed')",
} as const;

export const LIBRARY = `#!lua name=ferrycases
redis.register_function('ferry_push', function(keys, args) return redis.call('RPUSH', keys[1], args[1]) end)
redis.register_function('ferry_fail', function(keys, args)
  redis.call('SET', keys[1], args[1])
  return redis.error_reply('ERR after the write')
end)
`;

/** Where a case's command lines are filled in. */
export interface Place {
  /** In front of every key of the case. */
  readonly prefix: string;
  /** Results of DUMP by type, and "functions": the result of FUNCTION DUMP. */
  readonly payloads: ReadonlyMap<string, Buffer>;
  readonly nowMs: number;
}

/** The key space of a case: readable in a failure, the same in every run. */
export function prefixOf(write: WriteCase): string {
  return `${write.command}/${write.name.replaceAll(' ', '-')}/`;
}

export function linesToArgs(line: CommandLine, place: Place): Buffer[] {
  const words = typeof line === 'string' ? line.split(' ') : line;
  return words.map((word) => fill(String(word), place));
}

function fill(word: string, place: Place): Buffer {
  if (word.startsWith('@')) return Buffer.from(place.prefix + word.slice(1), 'latin1');
  const time = /^\{(s|ms)([+-]\d+)\}$/.exec(word);
  if (time !== null) {
    const unitMs = time[1] === 's' ? 1000 : 1;
    return Buffer.from(String(Math.floor(place.nowMs / unitMs) + Number(time[2])));
  }
  const named = /^\{(payload|sha):(\w+)\}$/.exec(word);
  if (named?.[1] === 'payload') return payload(place, named[2] ?? '');
  if (named?.[1] === 'sha') return Buffer.from(sha1(SCRIPTS[named[2] as keyof typeof SCRIPTS]));
  if (word === '{functions}') return payload(place, 'functions');
  return Buffer.from(word, 'latin1');
}

function payload(place: Place, name: string): Buffer {
  const bytes = place.payloads.get(name);
  if (bytes === undefined) throw new Error(`no payload named ${name}`);
  return bytes;
}

export function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}

/** The keys that a case's lines name (patterns of SORT BY and GET are none). */
export function keyNames(write: WriteCase): string[] {
  const names = new Set<string>();
  for (const line of [...write.setup, ...write.run]) {
    for (const word of typeof line === 'string' ? line.split(' ') : line) {
      if (typeof word === 'string' && word.startsWith('@') && !word.includes('*')) names.add(word);
    }
  }
  return [...names];
}
