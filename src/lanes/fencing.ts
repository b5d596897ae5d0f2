/**
 * Fencing: before the keys of a lost connection may be repaired, the connection must be dead on its server, or a write
 * that still sits in its buffer runs after the repair (divergence 6).
 *
 * Every connection has a name of its own (`ferry:<migration>:<epoch>:<process>.<n>:<purpose>`). What is done depends on
 * what the server lets Ferry do, found out each time:
 *
 *   CLIENT LIST, CLIENT KILL   killed once its name shows that it is that connection; not in the list: dead
 *   CLIENT LIST alone          watched until it is not in the list any more
 *   CLIENT KILL alone          killed by its id, if the run id (INFO) is that of the process which gave the id: ids are
 *                              never given twice by one process, so the two together are as good as a name
 *   neither, or no run id      nobody can tell. *Quarantined*: what it may still write stays dirty until two copies, a
 *                              settling time apart, agree (jobs/settling.ts)
 *
 * An id alone proves nothing, since they begin anew with each process. Another process behind the address, or a node that
 * serves nothing any more, ends every doubt (`clear`).
 *
 * `predecessors`: the connections that an earlier Ferry of the same migration left are killed the same way, by name.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { type ListedClient, parseClientList } from './client-list.js';
import { isRefusal } from './rights-probe.js';

const RETRY_MS = 200;
const WATCH_EVERY_MS = 1000;

/** What fencing needs of its node. */
export interface FencingNode {
  /** Changes with each control connection. */
  readonly controlEpoch: number;
  /** The process that answers; '' when that cannot be told. */
  readonly runId: string;
  /** Over the present control connection, never over a later one. */
  askOnce(command: string, ...args: (string | number)[]): Promise<unknown>;
  /** INFO's run id, '' when INFO is refused. */
  askRunId(): Promise<string>;
}

type State =
  /** being killed: nothing may be repaired */
  | 'fencing'
  /** may not be killed, and is in the list: alive */
  | 'watched'
  /** nothing can be found out: time decides */
  | 'quarantined';

interface Lost {
  /** 0: unknown */
  readonly clientId: number;
  /** '': the server was not told one, or did not take it */
  readonly name: string;
  readonly runId: string;
  readonly lostAtMs: number;
  state: State;
}

export class Fences {
  private readonly live = new Set<Lost>();

  constructor(
    private readonly node: FencingNode,
    /** It was found that a connection cannot be fenced: what is dirty now must be settled. */
    private readonly onQuarantine: () => void,
  ) {}

  /** Connections not yet known to be dead. */
  get unfenced(): number {
    return this.live.size;
  }

  /** Those being killed now. */
  get fencing(): number {
    let count = 0;
    for (const { state } of this.live) if (state === 'fencing') count++;
    return count;
  }

  /** From when on nothing of what was lost is expected to run (performance.now()); Infinity while one is being watched. */
  settledAtMs(settleMs: number): number {
    let latest = 0;
    for (const { state, lostAtMs } of this.live) {
      latest = Math.max(latest, state === 'quarantined' ? lostAtMs + settleMs : Number.POSITIVE_INFINITY);
    }
    return latest;
  }

  /** What was quarantined so long ago counts as dead: its keys have been settled. */
  release(nowMs: number, settleMs: number): void {
    for (const lost of this.live) {
      if (lost.state === 'quarantined' && lost.lostAtMs + settleMs <= nowMs) this.live.delete(lost);
    }
  }

  /** Nothing that was lost can run any more. */
  clear(): void {
    this.live.clear();
  }

  lost(clientId: number, name: string): void {
    this.begin(clientId, name, (lost) => this.attempt(lost));
  }

  /** `isOlder`: a name that a former process of this migration gave. Resolves when it is known what became of them. */
  predecessors(isOlder: (name: string) => boolean): Promise<void> {
    return this.begin(0, '', () => this.attemptOlder(isOlder));
  }

  private begin(clientId: number, name: string, attempt: (lost: Lost) => Promise<State | 'dead'>): Promise<void> {
    const { runId } = this.node;
    const lost: Lost = { clientId, name, runId, lostAtMs: performance.now(), state: 'fencing' };
    this.live.add(lost);
    return this.fence(lost, attempt);
  }

  /** Goes on in the background while it watches; else resolves with the last word. */
  private async fence(lost: Lost, attempt: (lost: Lost) => Promise<State | 'dead'>): Promise<void> {
    while (this.live.has(lost)) {
      let pauseMs = RETRY_MS;
      try {
        const found = await attempt(lost);
        if (!this.live.has(lost)) return;
        if (found === 'dead') {
          this.live.delete(lost);
          return;
        }
        const isNew = lost.state === 'fencing';
        lost.state = found;
        if (isNew) this.onQuarantine();
        if (found === 'quarantined') return;
        if (isNew) {
          void this.fence(lost, attempt);
          return;
        }
        pauseMs = WATCH_EVERY_MS;
      } catch {
        // not there now; asked again
      }
      await sleep(pauseMs, undefined, { ref: false });
    }
  }

  private async attempt(lost: Lost): Promise<State | 'dead'> {
    const { node } = this;
    const epoch = node.controlEpoch;
    const listed = lost.name === '' ? null : await this.list(lost.clientId);
    if (listed !== null) {
      const found = listed.find(({ name }) => name === lost.name);
      if (found === undefined) return 'dead';
      this.mustBeSame(epoch);
      return (await this.kill(found.id)) ? 'dead' : 'watched';
    }
    if (lost.clientId === 0 || lost.runId === '') return 'quarantined';
    const runId = await node.askRunId();
    if (runId === '') return 'quarantined';
    if (runId !== lost.runId) return 'dead';
    this.mustBeSame(epoch);
    return (await this.kill(lost.clientId)) ? 'dead' : 'quarantined';
  }

  private async attemptOlder(isOlder: (name: string) => boolean): Promise<State | 'dead'> {
    const epoch = this.node.controlEpoch;
    const listed = await this.list(0);
    if (listed === null) return 'quarantined';
    let areDead = true;
    for (const { id, name } of listed) {
      if (!isOlder(name)) continue;
      this.mustBeSame(epoch);
      if (!(await this.kill(id))) areDead = false;
    }
    return areDead ? 'dead' : 'watched';
  }

  /** What was learned over one control connection may be acted upon over that one only: it leads to the same process. */
  private mustBeSame(epoch: number): void {
    if (this.node.controlEpoch !== epoch) throw new Error('the control connection is another one now');
  }

  /** CLIENT LIST, of one id or (0) of all; null: not allowed. Before 6.2 it cannot be asked about one. */
  private async list(clientId: number): Promise<ListedClient[] | null> {
    const which = clientId === 0 ? [] : ['ID', clientId];
    try {
      const text = String(await this.node.askOnce('CLIENT', 'LIST', ...which));
      const listed = parseClientList(text);
      // what is no list must not pass for one without the connection
      if (listed.length === 0 && text.trim() !== '') throw new Error('CLIENT LIST was not answered by a list');
      return listed;
    } catch (error) {
      if (isRefusal(error)) return null;
      if (clientId !== 0 && /^ERR syntax/i.test((error as Error).message)) return this.list(0);
      throw error;
    }
  }

  /** False: not allowed. One that is not there is dead as well. */
  private async kill(clientId: number): Promise<boolean> {
    try {
      await this.node.askOnce('CLIENT', 'KILL', 'ID', clientId);
      return true;
    } catch (error) {
      if (isRefusal(error)) return false;
      throw error;
    }
  }
}
