/**
 * Every write command over keys of both kinds: some of a case's keys are migrated and some are left out, chosen by their
 * last letter. What is migrated is the same on both sides afterwards, and the mirror has under the other names what was
 * planted there, untouched.
 */
import { afterEach, expect, test } from 'vitest';
import { Scope } from '../../../src/topology/scope.js';
import { startRedis } from '../../support/redis.js';
import { Stage } from '../journey/stage.js';
import { CASES } from '../write-commands/cases.js';
import { makePayloads, type Payloads, sendLines } from '../write-commands/running.js';
import { difference, stateOf } from '../write-commands/state.js';
import { Wire } from '../write-commands/wire.js';
import { keyNames, prefixOf, type WriteCase } from '../write-commands/write-case.js';

const BATCH = CASES.filter(({ alone }) => !alone);
const TTL_TOLERANCE_MS = 1000;
const PLANTED = 'planted';

let stage: Stage;
afterEach(() => stage?.close());

/** What ends in the first half of the alphabet is left out, or in the second. */
test.each([
  ['[a-l]', 'known'],
  ['[a-l]', 'unknown'],
  ['[m-z]', 'known'],
  ['[m-z]', 'unknown'],
])('names that end in %s are left out, keys %s', { timeout: 120_000 }, async (letters, way) => {
  const options = { include: [], exclude: [`*${letters}`], includeDbs: [], excludeDbs: [] };
  const scope = Scope.of(options)!;
  stage = await Stage.open({ config: { scope: options } });
  const [source, target, client, payloads] = [
    await stage.onSource(),
    await stage.onTarget(),
    await stage.client(),
    await samplePayloads(),
  ];
  const planted = BATCH.flatMap(namesOf).filter((name) => !scope.has(0, name));
  expect(planted.length).toBeGreaterThan(100);
  for (const name of planted) await target.send('SET', name, PLANTED);
  if (way === 'unknown') for (const write of BATCH) await sendLines(source, write, write.setup, payloads);
  await stage.goTo('dual-write');
  if (way === 'known') {
    await stage.readyForCutover();
    for (const write of BATCH) await sendLines(client, write, write.setup, payloads);
  }
  for (const write of BATCH) await sendLines(client, write, write.run, payloads);
  await stage.settled();
  if (way === 'unknown') {
    await stage.backfill();
    await stage.settled();
  }

  const [here, there] = [await stateOf(source), await stateOf(target)];
  const problems: string[] = [];
  for (const name of new Set([...here.keys.keys(), ...there.keys.keys()])) {
    const [db, key] = split(name);
    if (!scope.has(db, key)) continue;
    const why = difference(here.keys.get(name), there.keys.get(name), TTL_TOLERANCE_MS);
    if (why !== '') problems.push(`${name}: ${why}`);
  }
  expect(problems).toEqual([]);
  const left = [...there.keys].filter(([name]) => !scope.has(...split(name)));
  expect(left.map(([name]) => split(name)[1].toString('latin1')).sort()).toEqual(
    [...new Set(planted.map((name) => name.toString('latin1')))].sort(),
  );
  for (const [name, { type, value }] of left)
    expect({ name, type, value }).toMatchObject({ type: 'string', value: expect.stringContaining(PLANTED) });
  expect(await stage.verify()).toEqual([]);
});

async function samplePayloads(): Promise<Payloads> {
  const server = await startRedis();
  const wire = await Wire.open(server.port);
  try {
    return await makePayloads(wire);
  } finally {
    wire.close();
    await server.stop();
  }
}

function namesOf(write: WriteCase): Buffer[] {
  return keyNames(write).map((name) => Buffer.from(prefixOf(write) + name.slice(1), 'latin1'));
}

function split(name: string): [number, Buffer] {
  const blank = name.indexOf(' ');
  return [Number(name.slice(0, blank)), Buffer.from(name.slice(blank + 1), 'latin1')];
}
