/** The tables against the installed server's own opinion: COMMAND, COMMAND GETKEYS, GETKEYSANDFLAGS. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describedByServer, describedOffline } from '../../../src/commands/descriptions.js';
import { findKeys, KeyList } from '../../../src/commands/keys.js';
import { MIRRORING } from '../../../src/commands/mirroring.js';
import { READS } from '../../../src/commands/misses.js';
import { type Command, CommandTable } from '../../../src/commands/table.js';
import type { Reply } from '../../../src/resp/values.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { LINES_WITH_KEYS, NEWER_LINES_WITH_KEYS } from './command-lines.js';
import { frameOf, words } from './frames.js';
import { RawRedis, strings } from './raw-redis.js';

let server: RedisServer;
let redis: RawRedis;
let commandReply: Reply;
let table: CommandTable;

beforeAll(async () => {
  server = await startRedis();
  redis = await RawRedis.open(server.port);
  commandReply = (await redis.send(['COMMAND'])).value;
  table = CommandTable.fromServer(commandReply);
});

afterAll(async () => {
  redis.close();
  await server.stop();
});

function lookup(line: string): Command {
  const { frame, argc, starts, ends } = frameOf(words(line));
  return table.lookup(frame, argc, starts, ends) as Command;
}

/** Keys as sorted argument texts, "!" for written. */
function foundKeys(line: string, marked: boolean): string[] | null {
  const args = words(line);
  const { frame, argc, starts, ends } = frameOf(args);
  const list = new KeyList();
  if (!findKeys(lookup(line), frame, argc, starts, ends, list)) return null;
  return Array.from(list.index.subarray(0, list.count), (i, n) =>
    marked && list.written[n] === 1 ? `${args[i]}!` : `${args[i]}`,
  ).sort();
}

describe('COMMAND of the installed server', () => {
  it('has no command that is left to its flags', () => {
    const defaults = table.all().filter((command) => command.exists && !command.classified);
    expect(defaults.map((command) => command.name)).toEqual([]);
  });

  it('agrees on what writes', () => {
    // Scripts may write, whatever their flags say.
    const mustWrite = new Set(['eval', 'evalsha', 'fcall', 'script|load', 'script|flush']);
    // refused by the routing while a mirror follows, passed on otherwise
    const swaps = new Set(['swapdb']);
    for (const { name, flags } of describedByServer(commandReply)) {
      const { kind } = table.byName(name) as Command;
      const writes = kind === 'write' || kind === 'keyless-write';
      if (mustWrite.has(name)) expect(writes, name).toBe(true);
      else if (flags.has('write') && !swaps.has(name))
        expect(['write', 'keyless-write', 'refused', 'unsupported'], name).toContain(kind);
      else expect(writes, name).toBe(false);
      if (kind === 'read') expect(flags.has('readonly') || name.startsWith('xinfo'), name).toBe(true);
    }
  });

  it('has every command of the tables, but for the newer ones', () => {
    const newer =
      /^(ar|v)[a-z]+$|^h(get|set|p?ex|p?ttl|persist|getdel|import)|^(s(diff|union)card|digest|delex|increx|msetex|lmovem)$|^x(nack|cfgset|idmprecord|delex|ackdel)$/;
    const missing = [...MIRRORING.keys(), ...READS.keys()].filter((name) => table.byName(name)?.exists !== true);
    expect(missing.filter((name) => !newer.test(name))).toEqual([]);
  });

  it('agrees with the shipped list on key positions', () => {
    const shipped = new Map(describedOffline().map((description) => [description.name, description]));
    const differing = describedByServer(commandReply).filter(({ name, firstKey, lastKey, keyStep }) => {
      const other = shipped.get(name);
      return (
        other === undefined || other.firstKey !== firstKey || other.lastKey !== lastKey || other.keyStep !== keyStep
      );
    });
    expect(differing.map((description) => description.name)).toEqual([]);
  });
});

describe('COMMAND GETKEYS of the installed server', () => {
  /** Of the newer ones those that the server has. */
  const lines = (): string[] => [...LINES_WITH_KEYS, ...NEWER_LINES_WITH_KEYS.filter((line) => lookup(line).exists)];

  /** With both, only the last is written, and Redis 8 names only that; naming both costs a copy that changes nothing. */
  const NAMES_MORE = /^GEORADIUS.* STORE (\S+) STOREDIST /;

  /** What Ferry finds, as far as a server of this version would name it. */
  function namedToo(line: string, found: string[] | null, named: readonly string[]): string[] | null {
    const unused = NAMES_MORE.exec(line)?.[1];
    if (unused === undefined || named.some((key) => key.replace('!', '') === unused)) return found;
    return found?.filter((key) => key.replace('!', '') !== unused) ?? null;
  }

  it('is asked about every command that has keys', () => {
    const asked = new Set(lines().map((line) => lookup(line).name));
    const withKeys = table.all().filter((command) => command.exists && command.keyPattern.rule !== 'no-keys');
    expect(withKeys.map((command) => command.name).filter((name) => !asked.has(name))).toEqual([]);
  });

  it('names the same keys', async () => {
    for (const line of lines()) {
      const { value } = await redis.send(['COMMAND', 'GETKEYS', ...words(line)]);
      // numkeys may be 0
      const none = value instanceof Error && value.message === 'ERR The command has no key arguments';
      if (!none) expect(value, line).toBeInstanceOf(Array);
      const named = none ? [] : strings(value).sort();
      expect(namedToo(line, foundKeys(line, false), named), line).toEqual(named);
    }
  });

  it('agrees on which of them are written', async () => {
    // Where it does not, on purpose: what may write counts as writing, XREADGROUP does write (its groups), and
    // PFCOUNT writes no more than a cached count. Vector sets are a module to Redis 8, which takes all keys of a module's
    // commands for written.
    const otherwise =
      /^(BITFIELD k GET|XREADGROUP|PFCOUNT|V(CARD|DIM|EMB|GETATTR|INFO|ISMEMBER|LINKS|RANDMEMBER|SIM) )/;
    const differing: string[] = [];
    for (const line of lines()) {
      const { value } = await redis.send(['COMMAND', 'GETKEYSANDFLAGS', ...words(line)]);
      if (!Array.isArray(value)) continue;
      const expected = value.map((entry) => {
        const [key, flags] = entry as [Buffer, Reply];
        const reads = strings(flags).includes('RO') || strings(flags).includes('not_key');
        return reads ? `${key}` : `${key}!`;
      });
      const found = namedToo(line, foundKeys(line, true), expected);
      if (found?.join(' ') !== expected.sort().join(' ')) differing.push(line);
    }
    expect(differing.filter((line) => !otherwise.test(line))).toEqual([]);
  });
});
