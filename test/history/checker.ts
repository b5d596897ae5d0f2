/**
 * Is a history of one object linearizable? (Wing & Gong's search with Lowe's memoisation.)
 *
 * A history is a list of operations, each from one session (one connection), invoked and replied at points of one
 * monotonic counter. It is accepted if there is one order of the operations such that
 *   - every reply is what the model allows at that place of the order,
 *   - an operation replied before another one was invoked comes before it,
 *   - the operations of one session keep the order in which they were sent, pipelined or not.
 * An operation of unknown outcome (`repliedAt` is Infinity, `reply` undefined: its connection was lost) may come at
 * any place after its invocation, or not at all; but never without the earlier ones of its session.
 *
 * The search walks over (how far is each session, the state): both together say all about the past that matters, so
 * a pair is never visited twice. An operation that may come next and, being answered so, is idle in whatever state
 * comes next at once, without an alternative: whatever order works with it later works with it now. (It is not enough
 * that it changes nothing here: a second FLUSHALL may have had its effect later.) Nor are orders tried that differ only
 * in operations on different keys: each step branches over a persistent set (Godefroid), see `candidates`.
 *
 * What it does not do: check several objects together. It need not: linearizability is local (Herlihy & Wing). Only
 * the order of one session's pipelined operations on different objects is not seen here.
 */

export interface Operation<Call, Reply> {
  /** operations of one session are in the order sent */
  readonly session: number;
  readonly invokedAt: number;
  /** Infinity: never, the outcome is unknown */
  readonly repliedAt: number;
  readonly call: Call;
  readonly reply: Reply | undefined;
}

export interface Model<State, Call, Reply> {
  /** Every state that `call` may leave after `state`, if it was answered `reply` (undefined: whatever it was answered). */
  next(state: State, call: Call, reply: Reply | undefined): readonly State[];
  /** True only if `call`, having been answered `reply`, left the state as it was, whatever the state. */
  isIdle(call: Call, reply: Reply | undefined): boolean;
  /** The parts of the object that `call` may read or write; operations on different parts commute. */
  touches(call: Call): readonly string[];
  /** True if `call` only reads, whatever it is answered. */
  isRead(call: Call): boolean;
  /** Equal for equal states and for no others. */
  identity(state: State): string;
}

export type Verdict<State, Call, Reply> =
  | { readonly kind: 'linearizable'; readonly visited: number }
  | { readonly kind: 'violation'; readonly visited: number; readonly furthest: Furthest<State, Call, Reply> }
  /** the search was given up: no verdict */
  | { readonly kind: 'too-hard'; readonly visited: number };

interface Touched {
  /** a bit per part */
  readonly parts: number;
  readonly reads: boolean;
}

/** How far the search came at best: what a reader of a violation starts from. */
export interface Furthest<State, Call, Reply> {
  readonly order: readonly Operation<Call, Reply>[];
  readonly state: State;
  /** the operations that might have come next, none of which can */
  readonly stuck: readonly Operation<Call, Reply>[];
}

export const VISIT_LIMIT = 60_000;

export function checkHistory<State, Call, Reply>(
  model: Model<State, Call, Reply>,
  initial: State,
  operations: readonly Operation<Call, Reply>[],
  visitLimit = VISIT_LIMIT,
): Verdict<State, Call, Reply> {
  return new Search(model, operations, visitLimit).run(initial);
}

class Search<State, Call, Reply> {
  private readonly sessions: Operation<Call, Reply>[][];
  /** per session: how many of its operations are in the order so far */
  private readonly position: number[];
  /** operations of known outcome that are not in the order yet */
  private missing = 0;
  private readonly order: Operation<Call, Reply>[] = [];
  private readonly seen = new Set<string>();
  /** per operation: what it touches, and how */
  private readonly touched = new Map<Operation<Call, Reply>, Touched>();
  private furthest: Furthest<State, Call, Reply> | null = null;
  private furthestMissing = Infinity;

  constructor(
    private readonly model: Model<State, Call, Reply>,
    operations: readonly Operation<Call, Reply>[],
    private readonly visitLimit: number,
  ) {
    const bySession = new Map<number, Operation<Call, Reply>[]>();
    for (const operation of operations) {
      const mine = bySession.get(operation.session);
      if (mine === undefined) bySession.set(operation.session, [operation]);
      else mine.push(operation);
      if (operation.repliedAt !== Infinity) this.missing++;
    }
    this.sessions = [...bySession.values()];
    this.position = this.sessions.map(() => 0);
    for (const mine of this.sessions) assertInOrder(mine);
    const bits = new Map<string, number>();
    for (const operation of operations) {
      let parts = 0;
      for (const part of model.touches(operation.call)) {
        if (!bits.has(part)) bits.set(part, 1 << bits.size);
        parts |= bits.get(part)!;
      }
      this.touched.set(operation, { parts, reads: model.isRead(operation.call) });
    }
  }

  run(initial: State): Verdict<State, Call, Reply> {
    const found = this.from(initial);
    const visited = this.seen.size;
    if (found) return { kind: 'linearizable', visited };
    if (visited >= this.visitLimit) return { kind: 'too-hard', visited };
    return { kind: 'violation', visited, furthest: this.furthest! };
  }

  /** Can the rest of the operations be ordered after this state? Leaves positions and order as they were if not. */
  private from(state: State): boolean {
    const ordered = this.order.length;
    const found = this.orderIdle(state) || this.branch(state);
    if (!found) while (this.order.length > ordered) this.takeBack();
    return found;
  }

  /** Puts all idle operations that may come next into the order; true when nothing is left to order. */
  private orderIdle(state: State): boolean {
    for (let again = true; again; ) {
      again = false;
      const horizon = this.horizon();
      for (let s = 0; s < this.sessions.length; s++) {
        const operation = this.next(s);
        if (operation === undefined || operation.invokedAt > horizon) continue;
        if (!this.model.isIdle(operation.call, operation.reply)) continue;
        if (this.model.next(state, operation.call, operation.reply).length === 0) continue;
        this.put(s, operation);
        again = true;
      }
    }
    return this.missing === 0;
  }

  private branch(state: State): boolean {
    const pair = `${this.position.join(' ')}|${this.model.identity(state)}`;
    if (this.seen.has(pair) || this.seen.size >= this.visitLimit) return false;
    this.seen.add(pair);
    if (this.missing < this.furthestMissing) this.remember(state);
    const horizon = this.horizon();
    for (const s of this.candidates(horizon)) {
      const operation = this.next(s)!;
      for (const after of this.model.next(state, operation.call, operation.reply)) {
        this.put(s, operation);
        if (this.from(after)) return true;
        this.takeBack();
      }
    }
    return false;
  }

  /** Nothing invoked later than this may come next: something else was already replied by then. */
  private horizon(): number {
    let horizon = Infinity;
    // replies of one session come in order, so its next operation is replied first
    for (let s = 0; s < this.sessions.length; s++) {
      const repliedAt = this.next(s)?.repliedAt ?? Infinity;
      if (repliedAt < horizon) horizon = repliedAt;
    }
    return horizon;
  }

  /**
   * Sessions whose next operations are tried here; every order of the rest is equivalent to one that begins with one of
   * these. They are the operation that was replied first, h, and all with which something could interfere that may still
   * come before h: grown until nothing outside does. Earliest reply first, as a server mostly does, unknown ones last.
   */
  private candidates(horizon: number): number[] {
    const open: number[] = [];
    let first = -1;
    for (let s = 0; s < this.sessions.length; s++) {
      const operation = this.next(s);
      if (operation === undefined || operation.invokedAt > horizon) continue;
      if (first < 0 && operation.repliedAt === horizon) first = s;
      else open.push(s);
    }
    const chosen = first < 0 ? [] : [first];
    for (let i = 0; i < chosen.length; i++) {
      const here = this.touched.get(this.next(chosen[i]!)!)!;
      for (let j = open.length - 1; j >= 0; j--) {
        if (this.mayInterfere(open[j]!, here, horizon)) chosen.push(...open.splice(j, 1));
      }
    }
    const at = (s: number): number => this.next(s)!.repliedAt;
    return chosen.sort((a, b) => (at(a) === at(b) ? 0 : at(a) - at(b)));
  }

  /** Could anything that the session may do before the horizon not commute with what is touched? */
  private mayInterfere(session: number, other: Touched, horizon: number): boolean {
    const mine = this.sessions[session]!;
    for (let i = this.position[session]!; i < mine.length && mine[i]!.invokedAt <= horizon; i++) {
      const its = this.touched.get(mine[i]!)!;
      if ((its.parts & other.parts) !== 0 && !(its.reads && other.reads)) return true;
    }
    return false;
  }

  private next(session: number): Operation<Call, Reply> | undefined {
    return this.sessions[session]![this.position[session]!];
  }

  private remember(state: State): void {
    this.furthestMissing = this.missing;
    const horizon = this.horizon();
    const stuck = this.sessions.map((_, s) => this.next(s)).filter((operation) => operation !== undefined);
    this.furthest = {
      order: [...this.order],
      state,
      stuck: stuck.filter((operation) => operation.invokedAt <= horizon),
    };
  }

  private put(session: number, operation: Operation<Call, Reply>): void {
    this.position[session]!++;
    if (operation.repliedAt !== Infinity) this.missing--;
    this.order.push(operation);
  }

  private takeBack(): void {
    const operation = this.order.pop()!;
    const session = this.sessions.findIndex((mine, s) => mine[this.position[s]! - 1] === operation);
    this.position[session]!--;
    if (operation.repliedAt !== Infinity) this.missing++;
  }
}

/** What the search relies on: a session's operations were sent and replied in order, unknown ones last. */
function assertInOrder(session: readonly { invokedAt: number; repliedAt: number }[]): void {
  for (let i = 1; i < session.length; i++) {
    const before = session[i - 1]!;
    const after = session[i]!;
    if (after.invokedAt < before.invokedAt || after.repliedAt < before.repliedAt) {
      throw new Error(`operation ${i} of a session was invoked or replied before operation ${i - 1}`);
    }
  }
}
