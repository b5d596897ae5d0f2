/**
 * A redis-server that suffers: behind a fault injector, with an append-only file that survives a SIGKILL, and an
 * operator's connection that stays open through whatever is done to other connections.
 *
 * A server acknowledges a write after it wrote it to the file (appendfsync no: the kernel keeps what a killed process
 * wrote), so nothing acknowledged is lost unless `forget` or `rewind` take the files away.
 */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Clock, RawClient } from '../history/client.js';
import { NARROW, WIDE } from '../history/judge.js';
import { NARROW_USER_RULES } from '../history/modelled.js';
import { Random } from '../history/random.js';
import { ErrorReply, type Reply, show } from '../history/resp.js';
import { freePort, type RedisServer, startRedis } from '../support/redis.js';
import { ShiftedClock } from '../support/shifted-clock.js';
import { Injector } from './injector.js';

const ANSWER_WITHIN_MS = 20_000;
/** Ferry's account where everything is denied that it can do without, as on managed services. */
const MEAGRE = { user: 'meagre', password: 'meagre' };
const WITHHELD =
  '-client -info -command -config -acl -dump -restore -wait -memory -script -function -debug -slowlog -replicaof';
const OF_USERS = [
  `user ${WIDE.user} on >${WIDE.password} ~* &* +@all`,
  `user ${NARROW.user} on >${NARROW.password} ${NARROW_USER_RULES.join(' ')}`,
  `user ${MEAGRE.user} on >${MEAGRE.password} ~* &* +@all ${WITHHELD}`,
];

export class SickNode {
  private operator: RawClient | null = null;
  private frozen = false;

  private constructor(
    readonly server: RedisServer,
    readonly injector: Injector,
    private readonly clock: ShiftedClock | null,
  ) {}

  /** `clockShiftMs`: how far its clock is ahead of this machine's. */
  static async start(random: Random, clockShiftMs = 0): Promise<SickNode> {
    const clock = clockShiftMs === 0 ? null : new ShiftedClock(clockShiftMs);
    const server = await startRedis({
      config: OF_USERS,
      env: clock?.env,
      args: ['--appendonly', 'yes', '--appendfsync', 'no', '--auto-aof-rewrite-percentage', '0'],
    });
    return new SickNode(server, await Injector.to(server.port, random), clock);
  }

  /** For Ferry, which may do there what it likes, or only what it must. */
  url(isMeagre: boolean): string {
    const login = isMeagre ? `${MEAGRE.user}:${MEAGRE.password}@` : '';
    return `redis://${login}127.0.0.1:${this.injector.port}`;
  }

  /** Of the server itself. */
  get port(): number {
    return this.server.port;
  }

  /** As the operator. Every reply must be none that says error. */
  async tell(...commands: readonly (readonly string[])[]): Promise<Reply[]> {
    if (this.operator?.connected !== true) {
      this.operator = new RawClient(null, new Clock(), new Random(0));
      await this.operator.connect(this.port, 0);
    }
    const replies = await this.operator.ask(commands);
    replies.forEach((reply, i) => {
      if (reply instanceof ErrorReply) throw new Error(`${commands[i]!.join(' ')}: ${show(reply)}`);
    });
    return replies;
  }

  // ── its process

  async kill(): Promise<void> {
    this.hangUp();
    this.server.kill();
    await this.isGone();
  }

  async restart(): Promise<void> {
    this.hangUp();
    await this.server.restart();
  }

  freeze(): void {
    this.frozen = true;
    process.kill(this.server.pid, 'SIGSTOP');
  }

  thaw(): void {
    if (!this.frozen) return;
    this.frozen = false;
    process.kill(this.server.pid, 'SIGCONT');
  }

  // ── its files

  private get files(): string {
    return join(this.server.dir, 'appendonlydir');
  }

  private get oldFiles(): string {
    return join(this.server.dir, 'old');
  }

  /** What `rewind` will go back to. */
  remember(): void {
    rmSync(this.oldFiles, { recursive: true, force: true });
    cpSync(this.files, this.oldFiles, { recursive: true });
  }

  rewind(): void {
    this.forget();
    cpSync(this.oldFiles, this.files, { recursive: true });
  }

  forget(): void {
    rmSync(this.files, { recursive: true, force: true });
  }

  /** One file with everything, so that loading it takes its time key by key. */
  async compact(): Promise<void> {
    await this.tell(['BGREWRITEAOF']);
    const deadline = Date.now() + ANSWER_WITHIN_MS;
    for (;;) {
      const [info] = await this.tell(['INFO', 'persistence']);
      if (/aof_rewrite_in_progress:0/.test(info as string) && /aof_rewrite_scheduled:0/.test(info as string)) return;
      if (Date.now() > deadline) throw new Error('the append-only file is not rewritten');
      await pause(5);
    }
  }

  /** Takes effect at the next start: so long for each key, with -LOADING in between. */
  loadsSlowly(microsecondsPerKey: number): void {
    const lines =
      microsecondsPerKey === 0
        ? OF_USERS
        : [...OF_USERS, `key-load-delay ${microsecondsPerKey}`, 'loading-process-events-interval-bytes 1024'];
    writeFileSync(join(this.server.dir, 'redis.conf'), `${lines.join('\n')}\n`);
  }

  /** BGSAVE fails from now on: a directory stands where its file should go. */
  async failBackgroundSave(): Promise<void> {
    await this.tell(['CONFIG', 'SET', 'save', '3600 100000', 'stop-writes-on-bgsave-error', 'yes']);
    mkdirSync(this.dumpFile, { recursive: true });
    await this.tell(['BGSAVE']);
    const deadline = Date.now() + ANSWER_WITHIN_MS;
    for (;;) {
      const [info] = await this.tell(['INFO', 'persistence']);
      if (/rdb_last_bgsave_status:err/.test(info as string)) return;
      if (Date.now() > deadline) throw new Error('a BGSAVE onto a directory did not fail');
      await pause(5);
    }
  }

  async takeWritesAgain(): Promise<void> {
    rmSync(this.dumpFile, { recursive: true, force: true });
    await this.tell(['CONFIG', 'SET', 'save', '', 'stop-writes-on-bgsave-error', 'no']);
  }

  private get dumpFile(): string {
    return join(this.server.dir, 'dump.rdb');
  }

  async usedMemory(): Promise<number> {
    const [info] = await this.tell(['INFO', 'memory']);
    return Number(/used_memory:(\d+)/.exec(info as string)![1]);
  }

  /** A port at which nobody answers. */
  static deadPort(): Promise<number> {
    return freePort();
  }

  async stop(): Promise<void> {
    this.thaw();
    this.hangUp();
    await this.server.stop();
    await this.injector.close();
    this.clock?.remove();
  }

  private hangUp(): void {
    this.operator?.drop();
    this.operator = null;
  }

  private async isGone(): Promise<void> {
    const { pid } = this.server;
    const deadline = Date.now() + ANSWER_WITHIN_MS;
    while (Date.now() < deadline) {
      try {
        process.kill(pid, 0);
      } catch {
        return;
      }
      await pause(2);
    }
    throw new Error(`the killed process ${pid} is still there`);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
