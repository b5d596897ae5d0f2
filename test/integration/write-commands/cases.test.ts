/**
 * The cases themselves, on one plain redis-server: every write command has one, each changes data, and no error is
 * among the replies but those that a case is about. The Ferry tests beside this one rely on it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { casesOf, REFUSED, WRITES_WITHOUT_THE_FLAG } from './cases.js';
import { changedKeys, errorsOf, makePayloads, type Payloads, sendLines, writeCommands } from './running.js';
import { type ServerState, stateOf } from './state.js';
import { Wire } from './wire.js';
import { prefixOf, type WriteCase } from './write-case.js';

let server: RedisServer;
let wire: Wire;
let payloads: Payloads;
let cases: readonly WriteCase[];

beforeAll(async () => {
  server = await startRedis();
  wire = await Wire.open(server.port);
  payloads = await makePayloads(wire);
  cases = casesOf(await writeCommands(wire));
});

afterAll(async () => {
  wire.close();
  await server.stop();
});

describe('the cases of write commands', () => {
  it('are there for every write command of COMMAND', async () => {
    const covered = new Set([...cases.map((write) => write.command), ...REFUSED.keys()]);
    const wanted = [...(await writeCommands(wire)), ...WRITES_WITHOUT_THE_FLAG];
    expect(wanted.filter((name) => !covered.has(name))).toEqual([]);
    expect(wanted.length).toBeGreaterThan(100);
  });

  it('have names of their own', () => {
    expect(new Set(cases.map(prefixOf)).size).toBe(cases.length);
  });

  it('change data and answer as they should, in one batch', async () => {
    const batch = cases.filter((write) => !write.alone);
    const problems: string[] = [];
    for (const write of batch)
      problems.push(...setupErrors(write, await sendLines(wire, write, write.setup, payloads)));
    const before = await stateOf(wire);
    for (const write of batch) problems.push(...(await runErrors(write)));
    const after = await stateOf(wire);
    for (const write of batch) {
      const changed = changedKeys(before, after, write).length > 0;
      if (changed === write.hidden)
        problems.push(`${prefixOf(write)}: ${changed ? 'changes' : 'does not change'} data`);
    }
    expect(problems).toEqual([]);
  });

  it('change data and answer as they should, each on its own', async () => {
    const problems: string[] = [];
    for (const write of cases.filter((one) => one.alone)) {
      for (const what of ['FLUSHALL', 'FUNCTION FLUSH', 'SCRIPT FLUSH']) await wire.send(...what.split(' '));
      problems.push(...setupErrors(write, await sendLines(wire, write, write.setup, payloads)));
      const before = await stateOf(wire);
      problems.push(...(await runErrors(write)));
      if (show(before) === show(await stateOf(wire))) problems.push(`${prefixOf(write)}: does not change data`);
    }
    expect(problems).toEqual([]);
  });
});

function setupErrors(write: WriteCase, replies: Parameters<typeof errorsOf>[0]): string[] {
  return errorsOf(replies).map((error) => `${prefixOf(write)}: setup answers ${error}`);
}

async function runErrors(write: WriteCase): Promise<string[]> {
  const rawBefore = write.hidden ? await wire.send('GET', `${prefixOf(write)}p`) : null;
  const errors = errorsOf(await sendLines(wire, write, write.run, payloads));
  if (write.hidden) {
    const rawAfter = await wire.send('GET', `${prefixOf(write)}p`);
    if (String(rawBefore) === String(rawAfter)) return [`${prefixOf(write)}: no byte changes`];
  }
  if (errors.length > 0 === write.fails) return [];
  return [`${prefixOf(write)}: ${write.fails ? 'no error' : errors.join('; ')}`];
}

function show(state: ServerState): string {
  return JSON.stringify([...state.keys, state.functions, state.scripts]);
}
