/**
 * Whether changes behind Ferry are looked for (detection.ts), by `--detect-bypass`:
 *
 *   on     always while a mirror follows
 *   off    never; the cutover says so
 *   auto   from the first sign that there may be any, as long as the authority is written to at a moderate rate
 *          (`--detect-bypass-rate`), because reporting costs it throughput; at a higher rate Ferry asks: status, and the
 *          blocker `uncovered-writers` of a cutover
 *
 * Signs, looked for once a second: another client's last command on the authority was a write (CLIENT LIST; those of
 * Ferry's own names, replicas and monitors do not count), clients run scripts or functions whose keys are copied, keys
 * are evicted, the mirror answered otherwise than the authority. Where CLIENT LIST is refused nobody can rule the first out,
 * which is a sign too. A sign stays until nothing follows the authority any more.
 *
 * What happened before the switch was seen by nobody: it is a hazard (detection.ts), so a verification must be newer.
 */

import type { CommandTable } from '../../commands/table.js';
import { parseClientList } from '../../lanes/client-list.js';
import { isRefusal } from '../../lanes/rights-probe.js';
import type { ServerNode } from '../../lanes/server-node.js';
import { RateMeter } from '../../observe/rate.js';
import type { Blocker, Migration } from '../migration.js';
import type { BypassDetection } from './detection.js';

const TICK_MS = 1000;
/** The list of all clients is long where there are many. */
const LIST_EVERY_TICKS = 2;
/** Above so many times the limit it is turned off again. */
const TOO_MUCH = 2;

export interface BypassStatus {
  readonly mode: 'on' | 'off' | 'auto';
  /** `asks`: there is a sign, and too much is written, or the server refuses, to turn it on. */
  readonly state: 'off' | 'on' | 'asks';
  /** what made it turn on, or ask; '' for nothing */
  readonly sign: string;
  /** why it could not be turned on */
  readonly refusal: string;
  /** keys found changed by others since Ferry started */
  readonly found: number;
  readonly lastFoundAt: string | null;
}

export class BypassWatch {
  private sign = '';
  private readonly rate = new RateMeter();
  private readonly evicted = new Map<ServerNode, { runId: string; keys: number }>();
  private mismatches = 0;
  private ticks = 0;
  private looking: Promise<void> | null = null;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly migration: Migration,
    readonly detection: BypassDetection,
  ) {
    this.timer = setInterval(() => void this.tick(), TICK_MS);
    this.timer.unref();
  }

  get status(): BypassStatus {
    const { mode } = this;
    const { isLive, refusal, found, lastFoundAt } = this.detection;
    const state = isLive ? 'on' : mode !== 'off' && this.isWanted ? 'asks' : 'off';
    return { mode, state, sign: this.sign, refusal, found, lastFoundAt };
  }

  /** What stands in the way of a change of the authority. */
  get blockers(): Blocker[] {
    if (!this.isWanted || this.detection.isLive) return [];
    const { authority } = this.migration.board;
    const why =
      this.detection.refusal !== ''
        ? `the ${authority.side} refuses to report them (${this.detection.refusal}): allow Ferry CLIENT TRACKING there`
        : this.isTooMuch(1)
          ? `more than ${this.limit} writes per second would make reporting them costly: write less for a while, or use --detect-bypass on`
          : 'the servers do not report them yet: wait';
    const sign = this.sign === '' ? '' : ` There is a sign of such: ${this.sign}.`;
    const message = `Changes behind Ferry's back would not be noticed.${sign} And ${why}. Make sure that nobody else writes, verify again and force it.`;
    return [{ code: 'uncovered-writers', message }];
  }

  /** What a step says that was not blocked. */
  get note(): string {
    return this.mode === 'off'
      ? 'Not covered: other writers, keys that scripts do not declare, evictions (--detect-bypass off).'
      : '';
  }

  stop(): void {
    clearInterval(this.timer);
    this.detection.turnOff();
  }

  /** Also called when mirroring begins, so that nothing is late. */
  tick(): Promise<void> {
    this.looking ??= this.look()
      .catch(() => {
        // a server that does not answer now is asked again
      })
      .finally(() => {
        this.looking = null;
      });
    return this.looking;
  }

  private get mode(): BypassStatus['mode'] {
    return this.migration.board.config.detectBypass.mode;
  }

  private get limit(): number {
    return this.migration.board.config.detectBypass.maxWritesPerSecond;
  }

  private get isWanted(): boolean {
    if (!this.migration.board.rules.mirrored || this.mode === 'off') return false;
    return this.mode === 'on' || this.sign !== '';
  }

  private isTooMuch(times: number): boolean {
    return this.mode === 'auto' && this.rate.perSecond() > this.limit * times;
  }

  private async look(): Promise<void> {
    const { board } = this.migration;
    const { ops } = board.counters;
    this.rate.sample(ops.replay + ops.time + ops.outcome + ops.copy + board.counters.shed, performance.now());
    if (!board.rules.mirrored) {
      this.sign = '';
      this.ticks = 0;
      this.evicted.clear();
      this.mismatches = board.counters.selfCheckMismatches;
      if (this.detection.isOn) this.detection.turnOff();
      return;
    }
    if (this.mode === 'auto' && this.sign === '') {
      const sign = await this.findSign();
      if (sign !== '' && board.rules.mirrored) this.saw(sign);
    }
    if (this.detection.isOn ? this.isTooMuch(TOO_MUCH) : !this.isWanted || this.isTooMuch(1)) {
      if (this.detection.isOn) this.detection.turnOff();
      return;
    }
    if (!this.detection.isOn) await this.detection.turnOn();
  }

  private saw(sign: string): void {
    this.sign = sign;
    this.migration.log.warn(
      { sign },
      'there may be changes behind Ferry: they are looked for if that is not too costly',
    );
  }

  private async findSign(): Promise<string> {
    const { board } = this.migration;
    const { counters, authority } = board;
    if (counters.selfCheckMismatches > this.mismatches) return 'the mirror answered a write otherwise';
    // replayed scripts do there what they do here
    const scripts = board.config.scripts.default === 'replay' ? [] : ['eval', 'evalsha', 'fcall'];
    for (const name of scripts) {
      const command = board.table.byName(name);
      if (command !== undefined && counters.commandsById[command.id]! > 0) return `clients run ${name.toUpperCase()}`;
    }
    for (const node of authority.masters) {
      const before = this.evicted.get(node);
      this.evicted.set(node, { runId: node.runId, keys: node.evictedKeys });
      if (before?.runId === node.runId && node.evictedKeys > before.keys) return `${node.name} evicts keys`;
    }
    if (this.ticks++ % LIST_EVERY_TICKS !== 0) return '';
    for (const node of authority.masters) {
      const other = await this.otherWriter(node);
      if (other !== '') return other;
    }
    return '';
  }

  private async otherWriter(node: ServerNode): Promise<string> {
    const { state, board } = this.migration;
    let list: string;
    try {
      list = String(await node.call('CLIENT', 'LIST'));
    } catch (error) {
      if (isRefusal(error)) return `who else writes to ${node.name} cannot be seen (CLIENT LIST is refused)`;
      throw error;
    }
    const activeS = (LIST_EVERY_TICKS * TICK_MS) / 1000 + 1;
    for (const { name, flags, idleSeconds, command, address } of parseClientList(list)) {
      if (name.startsWith(`ferry:${state.migrationId}:`)) continue;
      if (/[SMO]/.test(flags) || idleSeconds > activeS) continue;
      if (writes(command, board.table)) return `${address} writes to ${node.name} (${command})`;
    }
    return '';
  }
}

/** By the last command that a client sent; of what nobody knows it is taken that it may write. */
function writes(name: string, table: CommandTable): boolean {
  // nothing yet, or one of a Cluster's nodes that brings the keys of a slot
  if (name === '' || name === 'NULL' || name === 'restore-asking') return false;
  const command = table.byName(name.toLowerCase());
  if (command === undefined || command.name === 'exec') return true;
  return command.kind === 'keyless-write' || (command.kind === 'write' && command.mirroring.class !== 'none');
}
