/**
 * Every write command through Ferry, between two real servers: whatever it did on the authority, the mirror has the
 * same in value and TTL, and it got there by the class of mirroring that the case names.
 *
 * Each phase that mirrors runs every case three times, on fresh servers:
 *   known     the setup went through Ferry, so the mirror has the keys
 *   unknown   the keys were on the authority before Ferry started and are nowhere else; everything is compared that
 *             the case changed
 *   burst     as unknown, but all cases in one pipeline, nobody waits for the mirror: only the outcome counts
 * And all of it again without DUMP and RESTORE on one side, then on the other (copies are logical then).
 * In `target-first` the target is the authority.
 *
 * A wrong operation that a repair made good since would look well in the end: so the mirror must also not have refused
 * anything, and no self-check may have failed.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { CASES, NOT_SUPPORTED_YET, REFUSED } from './cases.js';
import { FerryUnderTest } from './ferry-under-test.js';
import { strayKeys, wrongClasses, wrongReplies, wrongServers, wrongState } from './judging.js';
import { clear, makePayloads, type Payloads, sendLines } from './running.js';
import { stateOf, text } from './state.js';
import { Wire, type WireReply } from './wire.js';
import { keyNames, linesToArgs, prefixOf, type WriteCase } from './write-case.js';

const PHASES = ['dual-write', 'target-read', 'target-first'] as const;
type Phase = (typeof PHASES)[number];
type Side = 'source' | 'target';
type Way = 'known' | 'unknown' | 'burst';

const NO_DUMP = ['--rename-command', 'DUMP', '', '--rename-command', 'RESTORE', ''];
const DEPLOYMENTS: readonly { name: string; without: Side | null }[] = [
  { name: 'with DUMP and RESTORE', without: null },
  { name: 'without DUMP and RESTORE on the source', without: 'source' },
  { name: 'without DUMP and RESTORE on the target', without: 'target' },
];
const BATCH = CASES.filter((write) => !write.alone);
const ALONE = CASES.filter((write) => write.alone);
const TEST_TIMEOUT_MS = 60_000;

let workshop: RedisServer;
let payloads: Payloads;
/** What Redis itself answers. */
const replies = new Map<WriteCase, WireReply[]>();

beforeAll(async () => {
  workshop = await startRedis();
  const wire = await Wire.open(workshop.port);
  payloads = await makePayloads(wire);
  for (const write of BATCH) {
    await sendLines(wire, write, write.setup, payloads);
    replies.set(write, await sendLines(wire, write, write.run, payloads));
  }
  wire.close();
});

afterAll(() => workshop.stop());

describe.each(DEPLOYMENTS)('write commands through Ferry, $name', ({ without }) => {
  let servers: Record<Side, RedisServer>;
  let wires: Record<Side, Wire>;

  beforeAll(async () => {
    const [source, target] = await Promise.all(
      (['source', 'target'] as const).map((side) => startRedis({ args: side === without ? NO_DUMP : [] })),
    );
    servers = { source: source!, target: target! };
    wires = { source: await Wire.open(source!.port), target: await Wire.open(target!.port) };
  });

  afterAll(async () => {
    for (const side of ['source', 'target'] as const) {
      wires[side].close();
      await servers[side].stop();
    }
  });

  const roles = (phase: Phase): { authority: Side; mirror: Side } =>
    phase === 'target-first' ? { authority: 'target', mirror: 'source' } : { authority: 'source', mirror: 'target' };

  /** RESTORE itself is gone where the servers have none. */
  const casesFor = (phase: Phase, cases: readonly WriteCase[]): readonly WriteCase[] =>
    without === roles(phase).authority ? cases.filter((write) => write.command !== 'restore') : cases;

  const expectedClasses = (phase: Phase, way: Way, write: WriteCase): string => {
    const classes = way === 'known' ? write.mirrored.known : write.mirrored.unknown;
    const mirrorLacksIt = write.command === 'restore' && without === roles(phase).mirror;
    return mirrorLacksIt ? classes.replaceAll(/\S+/g, 'copy') : classes;
  };

  const emptyServers = async (): Promise<void> => {
    await Promise.all([clear(wires.source), clear(wires.target)]);
  };

  describe.each(PHASES)('in %s', (phase) => {
    it.each(['known', 'unknown', 'burst'] as const)(
      'leave both sides equal, keys %s',
      async (way) => {
        const { authority, mirror } = roles(phase);
        const cases = casesFor(phase, BATCH);
        await emptyServers();
        if (way !== 'known') {
          for (const write of cases) await sendLines(wires[authority], write, write.setup, payloads);
        }
        const ferry = await FerryUnderTest.start(servers.source, servers.target, phase);
        try {
          const problems = new Map<string, string[]>();
          const report = (write: WriteCase, found: string[]) =>
            problems.set(prefixOf(write), [...(problems.get(prefixOf(write)) ?? []), ...found]);
          const derived = new Set<WriteCase>();

          if (way === 'known') for (const write of cases) if (await setUpThrough(ferry, write)) derived.add(write);
          const before = await stateOf(wires[authority]);
          if (way === 'burst') {
            const all = cases.map((write) => sendLines(ferry.client, write, write.run, payloads));
            for (const write of cases) derived.add(write);
            for (const [i, got] of (await Promise.all(all)).entries()) {
              report(cases[i]!, wrongReplies(cases[i]!, replies.get(cases[i]!) ?? [], got));
            }
          } else {
            for (const write of cases) {
              const got = await runThrough(ferry, write);
              report(write, wrongReplies(write, replies.get(write) ?? [], got));
              report(write, wrongClasses(expectedClasses(phase, way, write), ferry.mirrored));
              if (derivesTtl(ferry)) derived.add(write);
            }
          }
          await ferry.caughtUp();
          const [after, onMirror] = await Promise.all([stateOf(wires[authority]), stateOf(wires[mirror])]);
          for (const write of cases) {
            const ttlDerived = derived.has(write);
            const seen = { before, after, mirror: onMirror, allMirrored: way === 'known', ttlDerived };
            report(write, wrongState(write, seen));
          }
          for (const [name, found] of problems) if (found.length === 0) problems.delete(name);
          expect({
            problems: Object.fromEntries(problems),
            trouble: ferry.trouble(),
            stray: strayKeys(cases, onMirror),
          }).toEqual({
            problems: {},
            trouble: [],
            stray: [],
          });
          if (way === 'known') expect(onMirror.functions).toBe(after.functions);
        } finally {
          await ferry.stop();
        }
      },
      TEST_TIMEOUT_MS,
    );

    it(
      'leave both sides equal, those on the whole server',
      async () => {
        const { authority, mirror } = roles(phase);
        await emptyServers();
        const ferry = await FerryUnderTest.start(servers.source, servers.target, phase);
        try {
          const problems: string[] = [];
          for (const way of ['unknown', 'known'] as const) {
            for (const write of ALONE) {
              await emptyServers();
              if (way === 'known') await setUpThrough(ferry, write);
              else await sendLines(wires[authority], write, write.setup, payloads);
              await runThrough(ferry, write);
              const found = wrongClasses(expectedClasses(phase, way, write), ferry.mirrored);
              await ferry.caughtUp();
              found.push(...wrongServers(await stateOf(wires[authority]), await stateOf(wires[mirror])));
              problems.push(...found.map((problem) => `${prefixOf(write)} (${way}): ${problem}`));
            }
          }
          expect(problems).toEqual([]);
        } finally {
          await ferry.stop();
        }
      },
      TEST_TIMEOUT_MS,
    );
  });

  if (without === null) {
    it('are refused by name where Ferry does not run them', async () => {
      await emptyServers();
      const ferry = await FerryUnderTest.start(servers.source, servers.target, 'dual-write');
      try {
        const answers = async (lines: ReadonlyMap<string, WriteCase['run'][number]>): Promise<string[]> =>
          Promise.all(
            [...lines.values()].map(async (line) => {
              const place = { prefix: 'refused/', payloads, nowMs: Date.now() };
              return text(await ferry.client.send(...linesToArgs(line, place)));
            }),
          );
        for (const answer of await answers(NOT_SUPPORTED_YET)) {
          expect(answer).toMatch(/^\(error\) FERRY .*not supported yet/);
        }
        for (const answer of await answers(REFUSED)) expect(answer).toMatch(/^\(error\) FERRY .*refused/);
      } finally {
        await ferry.stop();
      }
    });
  }
});

/** Makes all keys of the case known to the mirror. True if a TTL was derived on the way. */
async function setUpThrough(ferry: FerryUnderTest, write: WriteCase): Promise<boolean> {
  ferry.mirrored.length = 0;
  const keys = keyNames(write);
  const forget = keys.length > 0 ? [`DEL ${keys.join(' ')}`] : [];
  const answers = await sendLines(ferry.client, write, [...forget, ...write.setup], payloads);
  for (const answer of answers) if (answer instanceof Error) throw new Error(`${prefixOf(write)}: ${answer.message}`);
  await ferry.caughtUp();
  return derivesTtl(ferry);
}

/**
 * Line by line, each mirrored before the next is sent: so what is known does not depend on timing. The lines of a
 * transaction are not waited for: nothing of it is mirrored before its EXEC.
 */
async function runThrough(ferry: FerryUnderTest, write: WriteCase): Promise<WireReply[]> {
  ferry.mirrored.length = 0;
  const got: WireReply[] = [];
  for (const line of write.run) {
    got.push(...(await sendLines(ferry.client, write, [line], payloads)));
    if (!text(got.at(-1)).startsWith('QUEUED')) await ferry.caughtUp();
  }
  return got;
}

/** SET with EX is an outcome with a deadline. */
function derivesTtl(ferry: FerryUnderTest): boolean {
  return ferry.mirrored.some(({ mirrorClass }) => mirrorClass === 'time' || mirrorClass === 'outcome');
}
