/**
 * Sends cases to a server (or to Ferry) and tells which keys they changed. Cases without `alone` run as one batch: all
 * setups, then every `run`, each in the key space of its case.
 */
import { type KeyState, list, type ServerState, stateOf, text } from './state.js';
import type { Wire, WireReply } from './wire.js';
import { type CommandLine, LIBRARY, linesToArgs, prefixOf, type WriteCase } from './write-case.js';

/** What the lines of a case name by {payload:…} and {functions}. Made by a server of the same version as those tested. */
export type Payloads = ReadonlyMap<string, Buffer>;

const SAMPLES: readonly string[] = [
  'SET string v',
  'RPUSH list a b c',
  'SADD set a b c',
  'ZADD zset 0.1 a 2 b',
  'HSET hash f v g w',
  'XADD stream 1-1 f v',
  'XGROUP CREATE stream g 0',
  'XREADGROUP GROUP g c STREAMS stream >',
];

export async function makePayloads(wire: Wire): Promise<Payloads> {
  await wire.send('FLUSHALL');
  for (const line of SAMPLES) await wire.send(...line.split(' '));
  const payloads = new Map<string, Buffer>();
  for (const name of ['string', 'list', 'set', 'zset', 'hash', 'stream']) {
    payloads.set(name, bytes(await wire.send('DUMP', name)));
  }
  await wire.send('FUNCTION', 'LOAD', 'REPLACE', LIBRARY);
  payloads.set('functions', bytes(await wire.send('FUNCTION', 'DUMP')));
  await wire.send('FUNCTION', 'FLUSH');
  await wire.send('FLUSHALL');
  return payloads;
}

function bytes(reply: WireReply): Buffer {
  if (!Buffer.isBuffer(reply)) throw new Error(`expected a payload, got ${text(reply)}`);
  return reply;
}

/** Empties a server without its FLUSHALL, which would take Ferry's own keys too. */
export async function clear(wire: Wire): Promise<void> {
  const state = await stateOf(wire);
  for (const name of state.keys.keys()) {
    const blank = name.indexOf(' ');
    await wire.send('SELECT', name.slice(0, blank));
    await wire.send('DEL', Buffer.from(name.slice(blank + 1), 'latin1'));
  }
  await wire.send('SELECT', 0);
  await wire.send('FUNCTION', 'FLUSH');
  await wire.send('SCRIPT', 'FLUSH');
}

/** All lines in one pipeline. */
export function sendLines(
  wire: Wire,
  write: WriteCase,
  lines: readonly CommandLine[],
  payloads: Payloads,
): Promise<WireReply[]> {
  const place = { prefix: prefixOf(write), payloads, nowMs: Date.now() };
  return Promise.all(lines.map((line) => wire.send(...linesToArgs(line, place))));
}

/** The errors among replies, those inside of an EXEC reply included. */
export function errorsOf(replies: readonly WireReply[]): string[] {
  return replies.flatMap((reply) =>
    Array.isArray(reply) ? errorsOf(reply) : reply instanceof Error ? [reply.message] : [],
  );
}

/** The keys of a case in a state, by "db key". */
export function keysOf(state: ServerState, write: WriteCase): Map<string, KeyState> {
  const prefix = prefixOf(write);
  return new Map([...state.keys].filter(([name]) => name.slice(name.indexOf(' ') + 1).startsWith(prefix)));
}

/** The keys of a case that differ between two states of one server, by "db key". */
export function changedKeys(before: ServerState, after: ServerState, write: WriteCase): string[] {
  const then = keysOf(before, write);
  const now = keysOf(after, write);
  const names = new Set([...then.keys(), ...now.keys()]);
  return [...names].filter((name) => JSON.stringify(then.get(name)) !== JSON.stringify(now.get(name)));
}

/** Names of the commands that the server calls writes; subcommands as "container|sub". */
export async function writeCommands(wire: Wire): Promise<string[]> {
  return list(await wire.send('COMMAND'))
    .flatMap(leaves)
    .filter((command) => list(command[2]).map(text).includes('write'))
    .map((command) => text(command[0]).toLowerCase()) // a module's are listed as it wrote them
    .sort();
}

/** A command's subcommands, or the command itself if it has none. */
function leaves(reply: WireReply): WireReply[][] {
  const command = list(reply);
  const subcommands = list(command[9] ?? []);
  return subcommands.length > 0 ? subcommands.flatMap(leaves) : [command];
}
