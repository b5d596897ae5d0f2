/**
 * Ferry answers as the authority would: the same commands directly and through Ferry, in every phase and both protocol
 * versions, reply bytes compared. What differs on purpose stands in src/commands/differences.ts, and nowhere else.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DIFFERENCES } from '../../../src/commands/differences.js';
import { type Command, CommandTable } from '../../../src/commands/table.js';
import type { PhaseName } from '../../../src/config/config.js';
import type { Reply } from '../../../src/resp/values.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { Stage } from '../journey/stage.js';
import { CASES, REFUSED } from '../write-commands/cases.js';
import { makePayloads } from '../write-commands/running.js';
import { Wire } from '../write-commands/wire.js';
import { linesToArgs, type Place, prefixOf } from '../write-commands/write-case.js';
import { Asker } from './asker.js';
import { ALONE, LINES, SETUP, UNORDERED, VARYING } from './lines.js';

const PHASES: readonly PhaseName[] = ['source-only', 'dual-write', 'target-read', 'target-first', 'target-only'];
const EMPTY = [['FLUSHALL'], ['SCRIPT', 'FLUSH'], ['FUNCTION', 'FLUSH']];
const TIMEOUT_MS = 60_000;

let reference: RedisServer;
let table: CommandTable;
let place: Place;

beforeAll(async () => {
  reference = await startRedis();
  const wire = await Wire.open(reference.port);
  table = CommandTable.fromServer((await wire.send('COMMAND')) as Reply);
  place = { prefix: '', payloads: await makePayloads(wire), nowMs: Date.now() };
  wire.close();
});
afterAll(() => reference?.stop());

function words(line: string): string[] {
  return line.split(' ');
}

/** The line's command, as the table names it. */
function nameOf(line: string): string {
  const [name = '', sub = ''] = words(line.toLowerCase());
  return table.byName(`${name}|${sub}`)?.name ?? name;
}

function isOurs(name: string): Command | undefined {
  const command = table.byName(name);
  return command?.exists === true && name !== 'ferry' ? command : undefined;
}

function shapeOf(reply: string, varies: RegExp | 'type' | 'order'): string {
  if (reply.startsWith('-')) return reply;
  if (varies === 'type') return reply.slice(0, 1);
  if (varies === 'order') return reply.split('\r\n').sort().join('\r\n');
  return reply.replace(varies, '~').replace(/~+/g, '~');
}

/** Both answers to each line; the lines of which they differ. */
async function unequal(
  direct: Asker,
  through: Asker,
  lines: readonly (readonly (string | Buffer)[])[],
  shape: (reply: string, line: number) => string = (reply) => reply,
): Promise<Record<string, { direct: string; ferry: string }>> {
  const [its, mine] = await Promise.all([direct.ask(lines), through.ask(lines)]);
  const found: Record<string, { direct: string; ferry: string }> = {};
  for (const [i, line] of lines.entries()) {
    const [a, b] = [its[i] ?? 'closed', mine[i] ?? 'closed'];
    if (shape(a, i) !== shape(b, i))
      found[`${i}: ${line.map(String).join(' ')}`.slice(0, 200)] = { direct: a, ferry: b };
  }
  return found;
}

test('every command of the installed server is asked', () => {
  const asked = new Set([
    ...[...LINES, ...VARYING.map(([line]) => line), ...ALONE.flat()].map(nameOf),
    ...CASES.map(({ command }) => command),
    ...REFUSED.keys(),
  ]);
  const missing = table
    .all()
    .filter(
      ({ name, exists, kind }) =>
        exists && name !== 'ferry' && kind !== 'refused' && kind !== 'unsupported' && !asked.has(name),
    );
  expect(missing.map(({ name }) => name)).toEqual([]);
});

test('the differences name commands that there are', () => {
  for (const { commands } of DIFFERENCES) for (const name of commands) expect(table.byName(name), name).toBeDefined();
});

/** Those that say how they show. */
const SHOWN = DIFFERENCES.flatMap(({ example }) => example ?? []);

describe.each(PHASES)('in %s', (phase) => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await Stage.open();
    const at = PHASES.indexOf(phase);
    if (at >= 2) await stage.readyForCutover();
    else if (at === 1) await stage.goTo('dual-write');
    if (at >= 3) await stage.goTo('target-first');
    if (at >= 4) await stage.goTo('target-only');
  }, TIMEOUT_MS);
  afterAll(() => stage?.close());

  describe.each([2, 3])('RESP%i', (resp) => {
    let direct: Asker;
    let through: Asker;

    /** New connections, empty servers. */
    async function begin(): Promise<void> {
      direct?.close();
      through?.close();
      [direct, through] = await Promise.all([Asker.open(reference.port), Asker.open(stage.ferry.port)]);
      await Promise.all([direct, through].map((one) => one.ask([...EMPTY, ['HELLO', String(resp)]])));
    }
    afterAll(() => {
      direct?.close();
      through?.close();
    });

    test('reads, errors, transactions, the connection and the server', { timeout: TIMEOUT_MS }, async () => {
      await begin();
      const lines = [...SETUP, ...LINES];
      const shape = (reply: string, i: number): string =>
        // the server itself counts Ferry's own key (hidden-keys.test.ts)
        lines[i] === 'DBSIZE'
          ? reply.replace(/\d+/, 'a number')
          : UNORDERED.test(lines[i]!)
            ? reply.split('\r\n').sort().join('\r\n')
            : reply;
      expect(await unequal(direct, through, lines.map(words), shape)).toEqual({});
    });

    test('what varies by nature has the same shape', { timeout: TIMEOUT_MS }, async () => {
      await begin();
      await unequal(direct, through, SETUP.map(words));
      const found = await unequal(
        direct,
        through,
        VARYING.map(([line]) => words(line)),
        (reply, i) => shapeOf(reply, VARYING[i]![1]),
      );
      expect(found).toEqual({});
    });

    test('write commands', { timeout: TIMEOUT_MS }, async () => {
      await begin();
      const cases = CASES.filter(({ alone, replyVaries }) => !alone && !replyVaries);
      const lines = cases.flatMap((write) => {
        const here = { ...place, prefix: prefixOf(write) };
        return [...write.setup, ...write.run].map((line) => linesToArgs(line, here));
      });
      // milliseconds pass between the two servers
      const shape = (reply: string): string => (/^:\d{6,}\r\n$/.test(reply) ? 'about the same' : reply);
      expect(await unequal(direct, through, lines, shape)).toEqual({});
    });

    test('wrong numbers of arguments, and arguments that are none', { timeout: TIMEOUT_MS }, async () => {
      await begin();
      const unsafe =
        /^(p?s?(un)?subscribe|ssubscribe|sunsubscribe|monitor|quit|reset|multi|exec|discard|client\|reply|hello|flushall|flushdb|swapdb)$/;
      const lines = table
        .all()
        .filter(
          ({ name, kind }) =>
            isOurs(name) !== undefined && !unsafe.test(name) && kind !== 'refused' && kind !== 'unsupported',
        )
        .flatMap(({ name, arity }) => {
          const most = Math.min(Math.abs(arity) + 1, 7);
          return Array.from({ length: most + 1 }, (_, i) => [...name.split('|'), ...Array<string>(i).fill('x')]);
        });
      const onlyErrors = (reply: string): string => (reply.startsWith('-') ? reply : 'an answer');
      expect(await unequal(direct, through, lines, onlyErrors)).toEqual({});
    });

    test('commands that Ferry refuses say why, and wrong arities are told first', { timeout: TIMEOUT_MS }, async () => {
      await begin();
      const refused = table
        .all()
        .filter(({ name, kind }) => isOurs(name) && (kind === 'refused' || kind === 'unsupported'));
      const lines = refused.map(({ name, arity }) => {
        const parts = name.split('|');
        return [...parts, ...Array<string>(Math.max(0, Math.abs(arity) - parts.length)).fill('x')];
      });
      const replies = await through.ask(lines);
      for (const [i, { name }] of refused.entries())
        expect(replies[i], name).toMatch(/^-(FERRY .+: .+|ERR unknown subcommand.*)\r\n$/);
    });

    test('unknown names with any bytes', async () => {
      await begin();
      const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
      const lines = [
        [bytes('fo\0ba')],
        [bytes('\0')],
        [bytes('fo\xe4\r\n'), bytes('\xe4\xff')],
        ['foo', bytes('a\0b'), 'cd', bytes('\0'), '', 'e'],
        ['foo', bytes(`${'a'.repeat(100)}\0${'a'.repeat(29)}`), 'b'.repeat(40), 'c'],
        ['foo', 'a'.repeat(200)],
        ['CLIENT', bytes('fo\0o')],
        ['HELLO', '3', bytes('a\0b')],
        ['HELLO', '3', bytes('a\xe4\r\n')],
      ];
      expect(await unequal(direct, through, lines)).toEqual({});
    });

    test('differences that are listed with an example do occur, and say why', async () => {
      expect(SHOWN.length).toBeGreaterThan(3);
      for (const { lines, whileMirrored } of SHOWN) {
        await begin();
        const [its, mine] = await Promise.all([direct.ask(lines.map(words)), through.ask(lines.map(words))]);
        const occurs = whileMirrored !== true || (phase !== 'source-only' && phase !== 'target-only');
        expect(mine.at(-1) !== its.at(-1), lines.join(', ')).toBe(occurs);
        expect(mine.slice(0, -1)).toEqual(its.slice(0, -1));
        if (occurs && !lines[0]!.startsWith('INFO'))
          expect(mine.at(-1)).toMatch(/^-FERRY .+: .+|^-FERRY .+ inside MULTI/);
      }
    });

    test.each(ALONE.map((lines) => [lines.join(', '), lines] as const))('%s', async (_, lines) => {
      await begin();
      const [its, mine] = await Promise.all([direct.transcript(lines), through.transcript(lines)]);
      const shape = (text: string): string => text.replace(/(?<=id\r\n:)\d+/g, '~');
      // its stream shows other clients and addresses; that it is one, and how it begins and ends, is compared
      if (lines[0] === 'MONITOR') expect(mine.slice(0, 5)).toBe(its.slice(0, 5));
      else if (lines[0]!.startsWith('SWAPDB') && phase !== 'source-only' && phase !== 'target-only') {
        expect(mine).toMatch(/^(-FERRY SWAPDB is refused: .+\r\n){2}/);
      } else expect(shape(mine)).toBe(shape(its));
    });
  });
});
