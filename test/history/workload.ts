/**
 * A seed's clients: what each of them sends, sending it, and the histories that come out of it.
 *
 * Scripts are drawn from the seed before anything is sent: bursts of 1–6 commands in one write, by identities that
 * compete for the same four slots from different lanes. Which command meets which is up to the servers, the sockets
 * and the proxy, so that a seed repeats a script and not a schedule.
 *
 * Beside the per-object histories, some clients write pairs, `SET data{a} n; SET flag{b} n` in one pipeline, and others
 * read flag, wait, and read data: data must never be older. This sees the order of one session's writes in two slots.
 */

import { CommandTable } from '../../src/commands/table.js';
import type { Operation } from './checker.js';
import { ClientComplaint, Clock, type Exchange, type Identity, RawClient } from './client.js';
import { isLogPush, judgeLog, logKeys, pushToLog, writeOnBoard } from './logs.js';
import { type Args, type Call, redisModel, type State } from './model.js';
import {
  deniedWrite,
  fillObject,
  isDenied,
  modelledRead,
  modelledWrite,
  stateAfter,
  TAGS,
  type Tag,
  tagOf,
} from './modelled.js';
import { Random } from './random.js';
import { ErrorReply, type Reply, show } from './resp.js';
import {
  fillFar,
  hasSeveralKeys,
  inOneSlot,
  isAcross,
  isCrossSlot,
  isExactCrossSlot,
  isTryAgain,
  needsOtherDatabase,
  spread,
  withTag,
} from './slots.js';
import { BRIEF_MS, fillWild, wildRead, wildWrite } from './wild.js';

export interface WorkloadOptions {
  readonly seed: number;
  readonly clients: number;
  readonly burstsPerClient: number;
  readonly wide: Identity;
  readonly narrow: Identity;
  /** FLUSHALL and FLUSHDB now and then */
  readonly flushes: boolean;
  /** clients that leave without waiting for replies */
  readonly aborts: boolean;
  /** some clients work in database 1 */
  readonly databases: 1 | 2;
  /** one side is a Cluster; missing: none is */
  readonly cluster?: {
    /** commands and transactions over several slots are sent */
    readonly crossings: boolean;
    /** it is the target's side, else the source's */
    readonly isTarget: boolean;
    /** Between two moments of `clock`: may the Cluster have been the authority? */
    ruled(from: number, to: number): boolean;
  };
  /** at least so long between the bursts of a client; missing: as it comes */
  readonly paceMs?: number;
  /** clients wait so much longer than usual */
  readonly extraPatienceMs?: number;
  /** Errors by which a server that is not well refuses a command; nothing happened then. Missing: none. */
  excuses?(exchange: Exchange, error: ErrorReply): boolean;
}

type Item =
  | { readonly kind: 'checked'; readonly args: Args; readonly denied: boolean }
  | { readonly kind: 'unchecked'; readonly args: Args }
  /** MULTI, the calls, EXEC or DISCARD; spoiled: one of the calls cannot be queued */
  | {
      readonly kind: 'multi';
      readonly calls: readonly Args[];
      readonly end: 'EXEC' | 'DISCARD';
      readonly spoiled: boolean;
      /** a key that is watched, and read, before MULTI; '' for none */
      readonly watched: string;
    };

interface Burst {
  readonly items: readonly Item[];
  /** how many commands may still be unanswered when the next burst is sent */
  readonly outstanding: number;
  readonly pauseMs: number;
  /** the client leaves right after this burst */
  readonly abort: boolean;
  /** instead of the items: the reader's half of a pair */
  readonly readsPair: boolean;
}

export interface Drawn {
  readonly watchRuns: number;
  readonly watchNils: number;
  readonly blockedServed: number;
  readonly blockedTimeouts: number;
  readonly resp3Commands: number;
  readonly crossSlots: number;
}

const COMMANDS = CommandTable.offline();
/** Greater than any session's number. */
const ORDERS_OF_KEYS = 1_000_000;

type History = Operation<Call, Reply>[];

/** 'db:tag', e.g. '0:a' */
export type ObjectName = `${number}:${Tag}`;

interface Member {
  readonly client: RawClient;
  readonly narrow: boolean;
  readonly db: number;
  readonly script: readonly Burst[];
  session: number;
  /** it lost a connection: what it sent there may still take effect */
  reconnected: boolean;
}

interface Sent {
  readonly session: number;
  readonly db: number;
  readonly item: Item;
  readonly exchanges: readonly Exchange[];
}

export class Workload {
  readonly clock = new Clock();
  readonly databases: readonly number[];
  private readonly random: Random;
  private readonly members: Member[] = [];
  private readonly sent: Sent[] = [];
  private readonly found: string[] = [];
  private readonly silences: string[] = [];
  private readonly first = new Map<ObjectName, Args[]>();
  private sessions = 0;
  private pairs = 0;
  /** by number: the write of its first half */
  private readonly pairsSent = new Map<number, Exchange>();
  /** by session and key; see `orderOf` */
  private readonly orders = new Map<string, number>();
  /** what a Cluster refused because of its slots */
  private refusals = 0;
  private burstsDone = 0;
  private readonly burstsTotal: number;

  constructor(private readonly options: WorkloadOptions) {
    this.random = new Random(options.seed);
    this.databases = options.databases === 1 ? [0] : [0, 1];
    for (const db of this.databases) {
      for (const tag of TAGS) this.first.set(`${db}:${tag}`, fillObject(this.random, tag));
    }
    for (let i = 0; i < options.clients; i++) {
      const narrow = i % 2 === 1;
      const identity = narrow ? options.narrow : options.wide;
      const client = new RawClient(identity, this.clock, this.random.fork(), i % 3 === 2 ? 3 : 2, (exchange, error) =>
        this.excuses(exchange, error),
      );
      client.extraPatienceMs = options.extraPatienceMs ?? 0;
      const db = options.databases === 2 && i % 4 >= 2 ? 1 : 0;
      this.members.push({ client, narrow, db, script: this.script(i, narrow, db), session: -1, reconnected: false });
    }
    this.burstsTotal = options.clients * options.burstsPerClient;
  }

  /** how much of the scripts was run, 0 to 1 */
  get progress(): number {
    return this.burstsDone / this.burstsTotal;
  }

  get commands(): number {
    return this.sent.reduce((sum, one) => sum + one.exchanges.length, 0);
  }

  /** What was drawn, for a batch to show that it came across everything. */
  get drawn(): Drawn {
    const drawn = {
      watchRuns: 0,
      watchNils: 0,
      blockedServed: 0,
      blockedTimeouts: 0,
      resp3Commands: 0,
      crossSlots: this.refusals,
    };
    const resp3 = new Set(this.members.filter(({ client }) => client.resp === 3).map(({ session }) => session));
    for (const { item, exchanges, session } of this.sent) {
      const { reply } = exchanges.at(-1)!;
      if (resp3.has(session)) drawn.resp3Commands += exchanges.length;
      if (item.kind === 'multi') {
        if (item.watched === '' || item.end === 'DISCARD' || item.spoiled) continue;
        if (reply === null) drawn.watchNils++;
        else if (Array.isArray(reply)) drawn.watchRuns++;
      } else if (/^B[LR]POP$/.test(item.args[0]!)) {
        if (reply === null) drawn.blockedTimeouts++;
        else if (Array.isArray(reply)) drawn.blockedServed++;
      }
    }
    return drawn;
  }

  /** Writes that were answered, and not by an error. */
  get acknowledgedWrites(): number {
    const isWrite = ([name]: Args): boolean => COMMANDS.byName(name!.toLowerCase())?.kind === 'write';
    return this.sent.filter(({ item, exchanges }) => {
      const { reply, args } = exchanges.at(-1)!;
      if (reply === undefined || reply instanceof ErrorReply) return false;
      return item.kind === 'multi' ? item.calls.some(isWrite) : isWrite(args);
    }).length;
  }

  /** What clients asked and have no reply to, now. */
  get waiting(): readonly Exchange[] {
    return this.members.flatMap(({ client }) => client.waiting);
  }

  /** how often a connection was ended by the other side */
  get closes(): number {
    return this.members.reduce((sum, member) => sum + member.client.closes, 0);
  }

  /** What no Redis would have done: pairs in the wrong order, transactions that took effect and should not have. */
  get violations(): readonly string[] {
    return this.found;
  }

  /** What else no client should have seen: errors of Ferry's own, silence. */
  get complaints(): readonly string[] {
    const aborted = this.sent.filter(({ item, exchanges }) => {
      if (item.kind !== 'multi' || item.spoiled || item.end === 'DISCARD') return false;
      if (exchanges.some(({ reply }) => isCrossSlot(reply))) return false; // see `refused`
      if (exchanges.some((exchange) => this.isExcused(exchange))) return false;
      const { reply } = exchanges.at(-1)!;
      return reply instanceof ErrorReply && reply.word === 'EXECABORT';
    });
    const aborts = aborted.map(({ exchanges }) => {
      const refusal = exchanges.find(({ reply }) => reply instanceof ErrorReply)!;
      return `a transaction was aborted because ${refusal.args.join(' ')} was answered ${show(refusal.reply)}`;
    });
    return [...aborts, ...this.silences, ...this.members.flatMap((member) => member.client.complaints)];
  }

  /** What to run on an empty source, per database, before the clients start. */
  fill(): { readonly db: number; readonly commands: readonly Args[] }[] {
    return this.databases.map((db) => {
      const wild = db === 0 ? fillWild(this.random) : [];
      const far = this.options.cluster === undefined ? [] : fillFar(wild);
      return { db, commands: [...TAGS.flatMap((tag) => this.first.get(`${db}:${tag}`)!), ...wild, ...far] };
    });
  }

  /** Runs all scripts to their ends, and waits until no key is about to expire. */
  async run(port: number): Promise<void> {
    await Promise.all(
      this.members.map(async (member) => {
        try {
          await this.runMember(member, port);
        } catch (error) {
          if (!(error instanceof ClientComplaint)) throw error;
          this.silences.push(error.message);
        } finally {
          member.client.drop();
        }
      }),
    );
    await pause(BRIEF_MS + 10);
  }

  firstState(object: ObjectName): State {
    return stateAfter(this.first.get(object)!);
  }

  objects(): ObjectName[] {
    return [...this.first.keys()];
  }

  /** Every object's operations, ended by the state in which somebody found it when all was quiet. */
  histories(last: ReadonlyMap<ObjectName, State>): Map<ObjectName, History> {
    const histories = new Map<ObjectName, History>(this.objects().map((object) => [object, []]));
    for (const one of this.sent) this.record(one, histories);
    const invokedAt = this.clock.tick();
    const repliedAt = this.clock.tick();
    for (const [object, state] of last) {
      const call: Call = { kind: 'observed', state };
      histories.get(object)!.push({ session: -1, invokedAt, repliedAt, call, reply: 'observed' });
    }
    return histories;
  }

  /** What is wrong with the logs of one database, as they are found at the end. */
  judgeLogs(db: number, found: ReadonlyMap<string, readonly string[]>): string[] {
    if (this.options.flushes) return [];
    const pushes = this.sent
      .filter((one) => one.db === db && one.item.kind === 'unchecked' && isLogPush(one.item.args))
      .map((one) => one.exchanges[0]!)
      .filter((push) => !this.isExcused(push));
    return logKeys().flatMap((key) => {
      const mine = pushes.filter((push) => push.args[1] === key);
      return judgeLog(`db ${db} ${key}`, found.get(key) ?? [], mine);
    });
  }

  // ---- running

  private async runMember(member: Member, port: number): Promise<void> {
    const { client, script, db } = member;
    for (const burst of script) {
      if (!client.connected) {
        await client.connect(port, db);
        member.reconnected = member.session >= 0;
        member.session = this.sessions++;
      }
      if (burst.readsPair) await this.readPair(client);
      else {
        // a pair from a lost connection may come after a newer one: from then on this client writes none
        this.send(member, member.reconnected ? burst.items.filter((item) => !ofPair(item)) : burst.items);
        if (burst.abort) {
          if (burst.pauseMs > 0) await pause(burst.pauseMs);
          client.drop();
        } else await client.settled(burst.outstanding);
      }
      const pauseMs = Math.max(burst.pauseMs, this.options.paceMs ?? 0);
      if (pauseMs > 0) await pause(pauseMs);
      this.burstsDone++;
    }
    await client.settled();
  }

  private send(member: Member, items: readonly Item[]): void {
    const frames = items.map(framesOf);
    const exchanges = member.client.send(frames.flat());
    let at = 0;
    items.forEach((item, i) => {
      const mine = exchanges.slice(at, (at += frames[i]!.length));
      this.sent.push({ session: member.session, db: member.db, item, exchanges: mine });
      if (ofPair(item) && mine[0]!.args[1] === 'data{a}') this.pairsSent.set(Number(mine[0]!.args[2]), mine[0]!);
    });
  }

  private async readPair(client: RawClient): Promise<void> {
    const [flag] = client.send([['GET', 'flag{b}']]);
    await client.settled();
    if (flag!.reply === undefined || flag!.reply instanceof ErrorReply) return;
    const [data] = client.send([['GET', 'data{a}']]);
    await client.settled();
    if (
      data!.reply === undefined ||
      data!.reply instanceof ErrorReply ||
      Number(data!.reply ?? 0) >= Number(flag!.reply ?? 0)
    )
      return;
    const first = this.pairsSent.get(Number(flag!.reply))!;
    // two nodes of a Cluster keep no order between them
    if (this.isExcused(first) || this.options.cluster?.ruled(first.sentAt, data!.answeredAt)) return;
    this.found.push(
      `read flag{b} = ${show(flag!.reply)} and then data{a} = ${show(data!.reply)}, which was set before it`,
    );
  }

  // ---- scripts

  private script(index: number, narrow: boolean, db: number): Burst[] {
    const random = this.random.fork();
    return Array.from({ length: this.options.burstsPerClient }, (_, n): Burst => {
      const token = `${index}.${n}`;
      // lulls are common to all clients: with few writes about, a target is read, until the writes are back
      const lull = (n + this.options.seed) % 6 < 2;
      const items = Array.from({ length: random.between(1, 6) }, (_, i) =>
        lull && !random.oneIn(10) ? this.read(random, narrow) : this.item(random, narrow, db, `${token}.${i};`),
      );
      const pairs = !this.options.flushes && db === 0;
      // one client writes pairs, so that they have an order; half of the others read them
      if (pairs && index === 0 && random.oneIn(3))
        items.splice(random.below(items.length + 1), 0, ...this.writePair(random));
      return {
        items,
        outstanding: random.oneIn(3) ? random.between(1, 8) : 0,
        pauseMs: random.oneIn(3) ? random.below(4) : 0,
        abort: this.options.aborts && index !== 0 && random.oneIn(40),
        readsPair: pairs && index % 4 === 1 && random.oneIn(4),
      };
    });
  }

  private writePair(random: Random): Item[] {
    const n = String(++this.pairs);
    const between: Item[] = random.oneIn(2) ? [] : [{ kind: 'unchecked', args: this.wild(random, n, wildWrite) }];
    return [
      { kind: 'unchecked', args: ['SET', 'data{a}', n] },
      ...between,
      { kind: 'unchecked', args: ['SET', 'flag{b}', n] },
    ];
  }

  private item(random: Random, narrow: boolean, db: number, token: string): Item {
    const tag = random.pick(TAGS);
    const what = random.below(100);
    if (what < 30) return this.read(random, narrow);
    if (what < 58) return checked(narrow, modelledWrite(random, tag, token));
    if (what < 61)
      return narrow ? { kind: 'checked', args: deniedWrite(random, tag, token), denied: true } : lockedSet(token);
    if (what < 68) return this.multi(random, narrow, tag, token);
    if (this.options.flushes && random.oneIn(60)) {
      return checked(narrow, [random.oneIn(2) || db === 1 ? 'FLUSHDB' : 'FLUSHALL']);
    }
    const make = random.pick([pushToLog, writeOnBoard, wildWrite, wildWrite]);
    return { kind: 'unchecked', args: make === wildWrite ? this.wild(random, token, wildWrite) : make(random, token) };
  }

  private wild(random: Random, token: string, make: (random: Random, token: string) => Args): Args {
    const { cluster } = this.options;
    let args = make(random, token);
    if (cluster === undefined) return args;
    while (needsOtherDatabase(args)) args = make(random, token);
    args = spread(random, args);
    return cluster.crossings ? args : inOneSlot(args);
  }

  private read(random: Random, narrow: boolean): Item {
    if (random.oneIn(4)) return { kind: 'unchecked', args: this.wild(random, '', wildRead) };
    return checked(narrow, modelledRead(random, random.pick(TAGS)));
  }

  private multi(random: Random, narrow: boolean, tag: Tag, token: string): Item {
    const calls: Args[] = [];
    const mayCross = this.options.cluster?.crossings !== false;
    const count = random.between(1, 4);
    for (let i = 0; i < count; i++) {
      const where = random.oneIn(3) && mayCross ? random.pick(TAGS) : tag;
      const made = random.below(10);
      if (made < 3) calls.push(modelledRead(random, where));
      else if (made < 7) calls.push(modelledWrite(random, where, `${token}${i}`));
      else {
        const wild = this.wild(random, `${token}${i}`, wildWrite);
        calls.push(mayCross ? wild : withTag(wild, tag));
      }
    }
    const spoiledHere = random.oneIn(12);
    if (spoiledHere) calls.splice(random.below(calls.length + 1), 0, random.pick([['GET'], ['NOSUCHCOMMAND', 'x']]));
    const spoiled = spoiledHere || (narrow && calls.some(isDenied));
    const watched = random.oneIn(2) ? `s{${random.oneIn(4) && mayCross ? 'a' : tag}}` : '';
    return { kind: 'multi', calls, end: random.oneIn(10) ? 'DISCARD' : 'EXEC', spoiled, watched };
  }

  // ---- histories

  private record(one: Sent, histories: Map<ObjectName, History>): void {
    const { item, exchanges, session } = one;
    const last = exchanges.at(-1)!;
    const add = (object: ObjectName, call: Call, reply: Reply | undefined): void => {
      const invokedAt = exchanges[0]!.sentAt;
      const repliedAt = last.answeredAt;
      const order = this.orderOf(session, call, invokedAt, repliedAt);
      histories.get(object)!.push({ session: order, invokedAt, repliedAt, call, reply });
    };
    const refused = this.isRefused(one);
    if (item.kind === 'unchecked' || (refused && item.kind === 'checked')) return;
    if (item.kind === 'checked' && this.isExcused(last)) return;
    if (item.kind === 'checked') {
      const call: Call = { kind: item.denied ? 'denied' : 'command', args: item.args };
      for (const object of this.objectsOf(one.db, item.args)) add(object, call, last.reply);
      return;
    }
    if (item.end === 'DISCARD' || item.spoiled || refused) {
      // one whose WATCH was broken is answered nil before anybody asks the server about its commands
      if (item.watched !== '' && last.reply === null) return;
      if (refused && isExactCrossSlot(last.reply)) return;
      if (!this.isExcused(last)) this.expectNothingDone(item.end, last.reply);
      return;
    }
    const watched = item.watched === '' ? null : tagOf(['WATCH', item.watched]);
    if (watched !== null) {
      const [, read] = exchanges;
      const call: Call = { kind: 'command', args: read!.args };
      const history = histories.get(`${one.db}:${watched}`)!;
      const [invokedAt, repliedAt] = [read!.sentAt, read!.answeredAt];
      const order = this.orderOf(session, call, invokedAt, repliedAt);
      if (!this.isExcused(read!)) history.push({ session: order, invokedAt, repliedAt, call, reply: read!.reply });
      // a watched key was changed, or its WATCH did not survive a cutover: nothing happened
      if (last.reply === null) return;
    }
    for (const tag of TAGS) {
      const mine = item.calls
        .map((_, i) => i)
        .filter((i) => isModelled(item.calls[i]!) && tagOf(item.calls[i]!) === tag)
        .filter((i) => !Array.isArray(last.reply) || !this.isRefusedAs(last, last.reply[i] as Reply));
      // it ran, so what was read after the WATCH still held: both are one step
      const before =
        tag === watched && Array.isArray(last.reply) && !this.isExcused(exchanges[1]!) ? [exchanges[1]!] : [];
      if (mine.length + before.length === 0) continue;
      const { reply } = last;
      if (reply instanceof ErrorReply && reply.word === 'EXECABORT') continue; // nothing happened; see `complaints`
      if (this.isExcused(last)) continue;
      const part = Array.isArray(reply)
        ? [...before.map((read) => read.reply as Reply), ...mine.map((i) => reply[i] as Reply)]
        : reply;
      const calls = [...before.map((read) => read.args), ...mine.map((i) => item.calls[i]!)];
      add(`${one.db}:${tag}`, { kind: 'exec', calls }, part);
    }
  }

  private excuses(exchange: Exchange, error: ErrorReply): boolean {
    return this.options.excuses?.(exchange, error) === true;
  }

  /** A server that is not well refused it. */
  private isExcused(exchange: Exchange): boolean {
    return exchange.reply !== undefined && this.isRefusedAs(exchange, exchange.reply);
  }

  private isRefusedAs(exchange: Exchange, reply: Reply): boolean {
    return reply instanceof ErrorReply && this.excuses(exchange, reply);
  }

  /** Did a Cluster refuse it because of its slots? Anybody else who does is wrong. */
  private isRefused({ item, exchanges }: Sent): boolean {
    const { cluster } = this.options;
    const refusals = exchanges.filter(({ reply }) => isCrossSlot(reply));
    if (refusals.length === 0) return this.isPassedBy({ item, exchanges });
    this.refusals++;
    const commands = item.kind === 'multi' ? [...item.calls, ['WATCH', item.watched]] : [item.args];
    const isDue = isAcross(commands) && refusals.every(({ reply }) => isExactCrossSlot(reply));
    if (!isDue || cluster?.ruled(exchanges[0]!.sentAt, exchanges.at(-1)!.answeredAt) !== true) {
      const [{ args, reply }] = refusals as [Exchange];
      this.found.push(`${args.join(' ').slice(0, 200)} was answered ${show(reply)}`);
    }
    return true;
  }

  /** The one redirection that a client may see, of a single write of several keys (see `isTryAgain`). */
  private isPassedBy({ item, exchanges }: Pick<Sent, 'item' | 'exchanges'>): boolean {
    const told = exchanges.find(({ reply }) => isTryAgain(reply));
    if (told === undefined) return false;
    const isDue = item.kind !== 'multi' && hasSeveralKeys(told.args);
    if (!isDue || this.options.cluster?.ruled(told.sentAt, told.answeredAt) !== true) {
      this.found.push(`${told.args.join(' ').slice(0, 200)} was answered ${show(told.reply)}`);
    }
    return true;
  }

  /**
   * Which operations it keeps an order with: those of its session. A node that gives a slot away redirects what it lacks
   * a key for, and runs what is pipelined behind: there, only what concerns one key has an order.
   */
  private orderOf(session: number, call: Call, from: number, to: number): number {
    const { cluster } = this.options;
    if (cluster === undefined || call.kind === 'observed') return session;
    const isTargetRead = cluster.isTarget && redisModel.isRead(call);
    if (!isTargetRead && !cluster.ruled(from, to)) return session;
    const keys = new Set(redisModel.touches(call));
    const name = keys.size === 1 ? `${session} ${[...keys][0]}` : `${session} ${this.orders.size}th`;
    let order = this.orders.get(name);
    if (order === undefined) this.orders.set(name, (order = ORDERS_OF_KEYS + this.orders.size));
    return order;
  }

  private objectsOf(db: number, args: Args): ObjectName[] {
    if (args[0] === 'FLUSHALL') return this.objects();
    if (args[0] === 'FLUSHDB') return TAGS.map((tag): ObjectName => `${db}:${tag}`);
    return [`${db}:${tagOf(args)!}`];
  }

  private expectNothingDone(end: 'EXEC' | 'DISCARD', reply: Reply | undefined): void {
    if (reply === undefined) return;
    const fine = end === 'DISCARD' ? reply === 'OK' : reply instanceof ErrorReply && reply.word === 'EXECABORT';
    if (!fine) this.found.push(`${end} of a transaction that cannot take effect was answered ${show(reply)}`);
  }
}

function framesOf(item: Item): readonly Args[] {
  if (item.kind !== 'multi') return [item.args];
  const watch =
    item.watched === ''
      ? []
      : [
          ['WATCH', item.watched],
          ['GET', item.watched],
        ];
  return [...watch, ['MULTI'], ...item.calls, [item.end]];
}

function ofPair(item: Item): boolean {
  return item.kind === 'unchecked' && (item.args[1] === 'data{a}' || item.args[1] === 'flag{b}');
}

function checked(narrow: boolean, args: Args): Item {
  return { kind: 'checked', args, denied: narrow && isDenied(args) };
}

function lockedSet(token: string): Item {
  return { kind: 'checked', args: ['SET', 'locked{a}', token], denied: false };
}

/** Keys of the wild commands have names of their own. */
function isModelled(args: Args): boolean {
  return !args.some((arg) => arg.startsWith('w:'));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
