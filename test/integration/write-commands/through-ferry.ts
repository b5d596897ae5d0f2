/**
 * Runs cases through a Ferry and gives the verdict: what is wrong, by case. Cases without `alone` run as one batch on
 * one Ferry; those with it one after the other.
 *
 *   known     the setup went through Ferry, so the mirror has the keys
 *   unknown   the keys were on the authority before Ferry started and are nowhere else; everything is compared that
 *             the case changed
 *   burst     as unknown, but all cases in one pipeline, in lower case, nobody waits for the mirror, and the mirror
 *             holds something else under every key: only the outcome counts
 */
import { FerryUnderTest } from './ferry-under-test.js';
import { strayKeys, wrongClasses, wrongReplies, wrongScripts, wrongState } from './judging.js';
import type { MirroringPhase, Pair } from './pair.js';
import { type Payloads, sendLines } from './running.js';
import { stateOf, text } from './state.js';
import type { WireReply } from './wire.js';
import { type CommandLine, keyNames, prefixOf, type WriteCase } from './write-case.js';

export const WAYS = ['known', 'unknown', 'burst'] as const;
export type Way = (typeof WAYS)[number];

export interface Reference {
  readonly payloads: Payloads;
  /** What Redis itself answers to each case's `run`. */
  readonly replies: ReadonlyMap<WriteCase, readonly WireReply[]>;
}

export interface Verdict {
  /** By case. */
  readonly problems: Readonly<Record<string, readonly string[]>>;
  /** What went wrong on the way, though a repair may have covered it up since. */
  readonly trouble: readonly string[];
  /** Keys on the mirror that no case made. */
  readonly stray: readonly string[];
}

export const ALL_WELL: Verdict = { problems: {}, trouble: [], stray: [] };

export class ThroughFerry {
  private readonly problems = new Map<string, string[]>();
  /** Cases with a TTL that Ferry derived from a relative one, setup included. */
  private readonly ttlDerived = new Set<WriteCase>();

  private constructor(
    private readonly pair: Pair,
    private readonly phase: MirroringPhase,
    private readonly reference: Reference,
    private readonly ferry: FerryUnderTest,
  ) {}

  static async batch(
    pair: Pair,
    phase: MirroringPhase,
    way: Way,
    all: readonly WriteCase[],
    reference: Reference,
  ): Promise<Verdict> {
    const cases = pair.casesFor(phase, all);
    await pair.empty();
    if (way !== 'known') {
      for (const write of cases) await sendLines(pair.authority(phase), write, write.setup, reference.payloads);
    }
    if (way === 'burst') for (const write of cases) await haunt(pair, phase, write, reference.payloads);
    const ferry = await FerryUnderTest.start(pair.config, phase);
    try {
      const run = new ThroughFerry(pair, phase, reference, ferry);
      if (way === 'known') for (const write of cases) await run.setUp(write);
      return await run.judge(cases, way);
    } finally {
      await ferry.stop();
    }
  }

  /** Each case on empty servers, with its setup beside Ferry and with it through Ferry. */
  static async alone(
    pair: Pair,
    phase: MirroringPhase,
    cases: readonly WriteCase[],
    reference: Reference,
  ): Promise<Verdict['problems']> {
    await pair.empty();
    const ferry = await FerryUnderTest.start(pair.config, phase);
    try {
      const run = new ThroughFerry(pair, phase, reference, ferry);
      for (const write of cases) {
        await pair.empty();
        await sendLines(pair.authority(phase), write, write.setup, reference.payloads);
        await run.judgeAlone(write, false);
      }
      for (const write of cases) {
        await pair.empty();
        await run.setUp(write);
        await run.judgeAlone(write, true);
      }
      return Object.fromEntries(run.problems);
    } finally {
      await ferry.stop();
    }
  }

  private async judge(cases: readonly WriteCase[], way: Way): Promise<Verdict> {
    const { pair, phase, ferry } = this;
    const before = await stateOf(pair.authority(phase));
    const mirrorBefore = await stateOf(pair.mirror(phase));
    if (way === 'burst') await this.runAtOnce(cases);
    else for (const write of cases) await this.runOne(write, way === 'known');
    await ferry.caughtUp();
    const after = await stateOf(pair.authority(phase));
    const mirror = await stateOf(pair.mirror(phase));
    for (const write of cases) {
      const ttlDerived = this.ttlDerived.has(write);
      this.report(
        write,
        wrongState(write, { before, after, mirrorBefore, mirror, allMirrored: way === 'known', ttlDerived }),
      );
    }
    const scripts = way === 'known' ? wrongScripts(after, mirror) : [];
    if (scripts.length > 0) this.problems.set('scripts', scripts);
    return {
      problems: Object.fromEntries(this.problems),
      trouble: await ferry.trouble(),
      stray: strayKeys(cases, mirror),
    };
  }

  private async judgeAlone(write: WriteCase, keysAreKnown: boolean): Promise<void> {
    const { pair, phase, ferry } = this;
    const before = await stateOf(pair.authority(phase));
    const mirrorBefore = await stateOf(pair.mirror(phase));
    await this.run(write);
    this.report(write, wrongClasses(...pair.expectedClasses(phase, keysAreKnown, write), ferry.mirrored));
    const after = await stateOf(pair.authority(phase));
    const mirror = await stateOf(pair.mirror(phase));
    this.report(write, wrongScripts(after, mirror));
    this.report(
      write,
      wrongState(write, { before, after, mirrorBefore, mirror, allMirrored: keysAreKnown, ttlDerived: false }),
    );
  }

  /** Makes all keys of the case known to the mirror. */
  private async setUp(write: WriteCase): Promise<void> {
    const { ferry } = this;
    ferry.mirrored.length = 0;
    const keys = keyNames(write);
    const forget = keys.length > 0 ? [`DEL ${keys.join(' ')}`] : [];
    const got = await sendLines(ferry.client, write, [...forget, ...write.setup], this.reference.payloads);
    this.report(
      write,
      got.flatMap((reply) => (reply instanceof Error ? [`setup answers ${reply.message}`] : [])),
    );
    await ferry.caughtUp();
    this.noteTtl(write);
  }

  private async runOne(write: WriteCase, keysAreKnown: boolean): Promise<void> {
    const got = await this.run(write);
    this.report(write, wrongReplies(write, this.reference.replies.get(write) ?? [], got));
    this.report(
      write,
      wrongClasses(...this.pair.expectedClasses(this.phase, keysAreKnown, write), this.ferry.mirrored),
    );
    this.noteTtl(write);
  }

  private async runAtOnce(cases: readonly WriteCase[]): Promise<void> {
    const answers = cases.map((write) =>
      sendLines(this.ferry.client, write, write.run.map(inLowerCase), this.reference.payloads),
    );
    for (const [i, got] of (await Promise.all(answers)).entries()) {
      const write = cases[i] as WriteCase;
      this.ttlDerived.add(write);
      this.report(write, wrongReplies(write, this.reference.replies.get(write) ?? [], got));
    }
  }

  /**
   * Line by line, each mirrored before the next is sent: so what is known does not depend on timing. The lines of a
   * transaction are not waited for: nothing of it is mirrored before its EXEC.
   */
  private async run(write: WriteCase): Promise<WireReply[]> {
    const { ferry } = this;
    ferry.mirrored.length = 0;
    const got: WireReply[] = [];
    for (const line of write.run) {
      got.push(...(await sendLines(ferry.client, write, [line], this.reference.payloads)));
      if (text(got.at(-1)) !== 'QUEUED') await ferry.caughtUp();
    }
    return got;
  }

  /** SET with EX is an outcome with a deadline. */
  private noteTtl(write: WriteCase): void {
    const derived = this.ferry.mirrored.some((one) => one.mirrorClass === 'time' || one.mirrorClass === 'outcome');
    if (derived) this.ttlDerived.add(write);
  }

  private report(write: WriteCase, found: readonly string[]): void {
    if (found.length === 0) return;
    const name = prefixOf(write);
    this.problems.set(name, [...(this.problems.get(name) ?? []), ...found]);
  }
}

/** Something else under each key on the mirror, as a target that was used before has it. */
async function haunt(pair: Pair, phase: MirroringPhase, write: WriteCase, payloads: Payloads): Promise<void> {
  const ghosts = keyNames(write).flatMap((key, i) =>
    i % 2 === 0 ? [`SET ${key} ghost PX 700000`] : [`RPUSH ${key} ghost`],
  );
  await sendLines(pair.mirror(phase), write, ghosts, payloads);
}

/** Names and options of a line as some clients write them; what is not all capitals is data. */
function inLowerCase(line: CommandLine): CommandLine {
  if (typeof line !== 'string') return line;
  return line.replaceAll(/(?<=^| )[A-Z]+(?=$| )/g, (word) => word.toLowerCase());
}
