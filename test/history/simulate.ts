/**
 * A history as one Redis might have produced it, or one with a planted fault, without any server: clients pipeline
 * random modelled commands on one object, a simulated server runs them one by one in an order drawn at random.
 */
import type { Operation } from './checker.js';
import { type Call, outcomes, redisModel, type State } from './model.js';
import { fillObject, modelledRead, modelledWrite, stateAfter, TAGS, type Tag } from './modelled.js';
import { Random } from './random.js';
import type { Reply } from './resp.js';

export const FAULTS = [
  'stale-read',
  'lost-write',
  'reordered-pipeline',
  'duplicated-effect',
  'torn-transaction',
] as const;
export type Fault = (typeof FAULTS)[number];

export interface Simulated {
  readonly first: State;
  readonly operations: readonly Operation<Call, Reply>[];
  /** false: the run had no place where the fault could be planted */
  readonly planted: boolean;
}

interface Pending {
  readonly session: number;
  readonly invokedAt: number;
  repliedAt: number;
  readonly call: Call;
  reply: Reply | undefined;
}

const CLIENTS = 8;
/** one alone is often hidden, by a write over it before anybody looks */
const FAULTS_PER_RUN = 4;
const OPERATIONS = 80;
const PIPELINE = 3;

export function simulate(seed: number, fault: Fault | null): Simulated {
  return new Simulation(seed, fault).run();
}

class Simulation {
  private readonly random: Random;
  private readonly tag: Tag;
  private readonly requests: Pending[][] = [];
  private readonly replies: Pending[][] = [];
  private readonly all: Pending[] = [];
  private readonly past: State[];
  private readonly sessions: number[] = [];
  private now = 0;
  private planted = 0;
  private nextSession = CLIENTS;

  constructor(
    seed: number,
    private readonly fault: Fault | null,
  ) {
    this.random = new Random(seed);
    this.tag = TAGS[seed % TAGS.length]!;
    this.past = [stateAfter(fillObject(this.random, this.tag))];
    for (let i = 0; i < CLIENTS; i++) {
      this.requests.push([]);
      this.replies.push([]);
      this.sessions.push(i);
    }
  }

  private get state(): State {
    return this.past.at(-1)!;
  }

  run(): Simulated {
    while (
      this.all.length < OPERATIONS ||
      this.requests.some((q) => q.length > 0) ||
      this.replies.some((q) => q.length > 0)
    ) {
      this.now++;
      const c = this.random.below(CLIENTS);
      const what = this.random.below(10);
      if (what < 1) this.invoke(c);
      else if (what < 5) this.execute(c);
      else this.answer(c);
      if (this.fault === null && this.random.oneIn(150)) this.lose(c);
    }
    const state = this.state;
    const end: Pending = {
      session: -1,
      invokedAt: ++this.now,
      repliedAt: ++this.now,
      call: { kind: 'observed', state },
      reply: 'observed',
    };
    return { first: this.past[0]!, operations: [...this.all, end], planted: this.planted > 0 };
  }

  private invoke(c: number): void {
    const waiting = this.requests[c]!.length + this.replies[c]!.length;
    if (waiting > 0 && this.random.oneIn(3)) return; // some bursts, some pauses
    for (let n = this.random.between(1, PIPELINE); n > 0 && this.all.length < OPERATIONS; n--) {
      if (this.requests[c]!.length + this.replies[c]!.length >= PIPELINE) return;
      const operation = {
        session: this.sessions[c]!,
        invokedAt: this.now,
        repliedAt: Infinity,
        call: this.call(),
        reply: undefined,
      };
      this.all.push(operation);
      this.requests[c]!.push(operation);
    }
  }

  private call(): Call {
    const token = `t${this.all.length};`;
    if (this.random.oneIn(8)) {
      const calls = [0, 1, 2].map((i) => modelledWrite(this.random, this.tag, `${token}${i}`));
      return { kind: 'exec', calls };
    }
    const args = this.random.oneIn(2)
      ? modelledRead(this.random, this.tag)
      : modelledWrite(this.random, this.tag, token);
    return { kind: 'command', args };
  }

  private execute(c: number): void {
    const queue = this.requests[c]!;
    if (queue.length === 0) return;
    const late = this.all.length > OPERATIONS / 4;
    if (
      late &&
      this.fault === 'reordered-pipeline' &&
      this.planted < FAULTS_PER_RUN &&
      queue.length > 1 &&
      this.plantReordering(c)
    )
      return;
    const operation = queue.shift()!;
    this.replies[c]!.push(operation);
    if (late && this.planted < FAULTS_PER_RUN && this.plant(operation)) return;
    const outcome = this.random.pick(outcomes(this.state, operation.call));
    operation.reply = replyOf(outcome.reply);
    this.past.push(outcome.state);
  }

  /** Does the operation in the faulty way, if this is a place where that can be seen. */
  private plant(operation: Pending): boolean {
    const right = this.random.pick(outcomes(this.state, operation.call));
    const changed = !same(right.state, this.state);
    if (this.fault === 'stale-read' && !changed && this.past.length > 12) {
      const old = outcomes(this.past[this.past.length - 12]!, operation.call)[0]!;
      operation.reply = replyOf(old.reply);
      this.past.push(this.state);
      if (JSON.stringify(old.reply) !== JSON.stringify(right.reply)) this.planted++;
      return true;
    }
    if (this.fault === 'lost-write' && changed) {
      operation.reply = replyOf(right.reply);
      this.planted++;
      return true;
    }
    if (this.fault === 'duplicated-effect' && changed) {
      const twice = outcomes(right.state, operation.call)[0]!;
      if (same(twice.state, right.state)) return false;
      operation.reply = replyOf(right.reply);
      this.past.push(twice.state);
      this.planted++;
      return true;
    }
    if (this.fault === 'torn-transaction' && changed && operation.call.kind === 'exec') {
      const half = outcomes(this.state, { kind: 'exec', calls: operation.call.calls.slice(0, 1) })[0]!;
      operation.reply = replyOf(right.reply);
      this.past.push(half.state);
      this.planted++;
      return true;
    }
    return false;
  }

  /** The first two of the queue run in the wrong order, and are answered in the right one. */
  private plantReordering(c: number): boolean {
    const [first, second] = this.requests[c]! as [Pending, Pending];
    const inOrder = afterBoth(this.state, first.call, second.call);
    const swapped = afterBoth(this.state, second.call, first.call);
    if (inOrder === null || swapped === null || inOrder === swapped) return false;
    this.requests[c]!.splice(0, 2);
    for (const done of [second, first]) {
      const outcome = outcomes(this.state, done.call)[0]!;
      done.reply = replyOf(outcome.reply);
      this.past.push(outcome.state);
    }
    this.replies[c]!.push(first, second);
    this.planted++;
    return true;
  }

  private answer(c: number): void {
    const operation = this.replies[c]!.shift();
    if (operation !== undefined) operation.repliedAt = this.now;
  }

  /** The connection is lost: what was not answered never will be, and the first of it may still run, unseen. */
  private lose(c: number): void {
    for (const operation of this.replies[c]!) operation.reply = undefined;
    const still = this.random.below(this.requests[c]!.length + 1);
    for (const operation of this.requests[c]!.slice(0, still)) {
      this.past.push(this.random.pick(outcomes(this.state, operation.call)).state);
    }
    this.requests[c] = [];
    this.replies[c] = [];
    this.sessions[c] = this.nextSession++;
  }
}

function same(a: State, b: State): boolean {
  return redisModel.identity(a) === redisModel.identity(b);
}

function afterBoth(state: State, a: Call, b: Call): string | null {
  const afterA = outcomes(state, a);
  const afterB = outcomes(afterA[0]!.state, b);
  if (afterA.length !== 1 || afterB.length !== 1) return null;
  return redisModel.identity(afterB[0]!.state);
}

function replyOf(expected: ReturnType<typeof outcomes>[number]['reply']): Reply {
  if (typeof expected === 'object' && expected !== null && 'anyOrder' in expected) return expected.anyOrder;
  if (Array.isArray(expected)) return expected.map((part) => replyOf(part));
  return expected as Reply;
}
