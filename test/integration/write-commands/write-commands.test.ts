/**
 * Every write command through Ferry, between two real servers: whatever it did on the authority, the mirror has the
 * same in value and TTL, and it got there by the class of mirroring that the case names. In each phase that mirrors
 * (in `target-first` the target is the authority), on keys that Ferry knows and on keys it does not; and all of it
 * again without DUMP and RESTORE on one side, then on the other, where copies are logical; with keys so "big" that they
 * are copied in chunks; and into another database of the target.
 *
 * A wrong operation that a repair made good since would look well in the end: so the mirror must also not have refused
 * anything, and no self-check may have failed.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IS_LONG_RUN } from '../../support/long-run.js';
import { startRedis } from '../../support/redis.js';
import { casesOf, REFUSED } from './cases.js';
import { FerryUnderTest } from './ferry-under-test.js';
import { type Deployment, MIRRORING_PHASES, Pair } from './pair.js';
import { makePayloads, sendLines, writeCommands } from './running.js';
import { stateOf, text } from './state.js';
import { ALL_WELL, type Reference, ThroughFerry, WAYS } from './through-ferry.js';
import { Wire, type WireReply } from './wire.js';
import { type CommandLine, linesToArgs, type WriteCase } from './write-case.js';

const DEPLOYMENTS: readonly (Deployment & { name: string })[] = [
  { name: 'with DUMP and RESTORE' },
  { name: 'without DUMP and RESTORE on the source', without: 'source' },
  { name: 'without DUMP and RESTORE on the target', without: 'target' },
  { name: 'copied in chunks', bigKeyBytes: 1 },
  { name: 'into another database', targetDb: 9 },
];
const TEST_TIMEOUT_MS = 60_000;

let reference: Reference;
let batch: readonly WriteCase[];
let alone: readonly WriteCase[];

/** The long run takes all of them everywhere; else the first deployment has all, and each of the others another one. */
function phasesOf(deployment: (typeof DEPLOYMENTS)[number]): readonly (typeof MIRRORING_PHASES)[number][] {
  const at = DEPLOYMENTS.indexOf(deployment);
  return IS_LONG_RUN || at === 0 ? MIRRORING_PHASES : [MIRRORING_PHASES[at % MIRRORING_PHASES.length]!];
}

beforeAll(async () => {
  const server = await startRedis();
  const wire = await Wire.open(server.port);
  const payloads = await makePayloads(wire);
  const cases = casesOf(await writeCommands(wire));
  batch = cases.filter((write) => !write.alone);
  alone = cases.filter((write) => write.alone);
  const replies = new Map<WriteCase, WireReply[]>();
  for (const write of batch) {
    await sendLines(wire, write, write.setup, payloads);
    replies.set(write, await sendLines(wire, write, write.run, payloads));
  }
  reference = { payloads, replies };
  wire.close();
  await server.stop();
});

describe.each(DEPLOYMENTS)('write commands (divergences 8, 30, 31), $name', (deployment) => {
  let pair: Pair;

  beforeAll(async () => {
    pair = await Pair.start(deployment);
  });

  afterAll(() => pair.stop());

  describe.each(phasesOf(deployment))('in %s', (phase) => {
    it.each(WAYS)(
      'leave both sides equal: keys %s',
      async (way) => expect(await ThroughFerry.batch(pair, phase, way, batch, reference)).toEqual(ALL_WELL),
      TEST_TIMEOUT_MS,
    );

    it(
      'leave both sides equal: those on the whole server',
      async () => expect(await ThroughFerry.alone(pair, phase, alone, reference)).toEqual({}),
      TEST_TIMEOUT_MS,
    );
  });
});

describe('write commands that are not run', () => {
  let pair: Pair;
  let ferry: FerryUnderTest;

  beforeAll(async () => {
    pair = await Pair.start({});
    ferry = await FerryUnderTest.start(pair.config, 'dual-write');
  });

  afterAll(async () => {
    await ferry.stop();
    await pair.stop();
  });

  const answer = async (line: CommandLine): Promise<string> => {
    const place = { prefix: 'refused/', payloads: reference.payloads, nowMs: Date.now() };
    return text(await ferry.client.send(...linesToArgs(line, place)));
  };

  it.each([...REFUSED])('%s is refused', async (_, line) => {
    expect(await answer(line)).toMatch(/^\(error\) FERRY .*is refused/);
  });

  it('SELECT inside of MULTI is not supported yet', async () => {
    expect(await answer('MULTI')).toBe('OK');
    expect(await answer('SELECT 4')).toMatch(/^\(error\) FERRY .*is not supported yet/);
    expect(await answer('SET @k v')).toBe('QUEUED');
    expect(await answer('EXEC')).toMatch(/^\(error\) EXECABORT/);
  });

  it('and nothing changes', async () => {
    expect([...(await stateOf(pair.wires.source)).keys]).toEqual([]);
    expect([...(await stateOf(pair.wires.target)).keys]).toEqual([]);
  });
});
