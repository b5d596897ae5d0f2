/**
 * A load: reads commands from a file and sends them while their replies come in, on one connection or several.
 *
 *   file ─ input ─ reader ─┬─ connection 0 ─ replies: counted, errors told with command and position
 *                          └─ connection 1 …
 *
 * Bounded everywhere: the reading waits while a connection has too much in flight or unsent, or the rate is used up.
 *
 * How it ends (`outcome`):
 *   done          the whole file was sent, and every connection gave its last ECHO back
 *   truncated     the file ends within a command or a transaction; what comes before it is in
 *   malformed     something in it is no command, and what follows cannot be read; what comes before it is in
 *   interrupted   stop() was called, or there were too many errors
 *   lost          a connection broke
 *
 * `resume` is exact: every command in front of its offset was answered, and none behind it has to be left out: what lies
 * behind and was sent, too, is counted in `unanswered`. An open transaction begins anew, so the offset is that of its MULTI.
 */
import type { Endpoint } from '../config/url.js';
import { BROKEN, type CommandReader, FAULT, FIRST_PIECE, NEXT_CHUNK, PIECE } from './command-reader.js';
import { LoadConnection, type LoadListener } from './connection.js';
import { ALONE, Dealing } from './dealing.js';
import { Faults, type LoadFault } from './faults.js';
import { DISCARD, EXEC, MULTI, PLAIN, SELECT, SELECT_AGAIN } from './in-flight.js';
import { BrokenInput, type LoadInput } from './input.js';
import type { ResumePoint } from './journal.js';
import { showCommand } from './show.js';

export interface LoadOptions {
  readonly endpoint: Endpoint;
  readonly connections: number;
  /** commands per second; 0: as fast as it goes */
  readonly rate: number;
  /** stop at so many errors; 0: never */
  readonly maxErrors: number;
  readonly input: LoadInput;
  readonly reader: CommandReader;
  /** where in the file the reader begins to read */
  readonly readFrom: number;
  /** where the load begins */
  readonly resume: ResumePoint;
  /** the commands may select databases and open transactions (RESP), or are all of Ferry's own making */
  readonly areForeign: boolean;
  /** each error that is kept, as it comes */
  tell(fault: LoadFault, number: number): void;
}

export type Outcome = 'done' | 'truncated' | 'malformed' | 'interrupted' | 'lost';

export interface LoadResult {
  readonly outcome: Outcome;
  /** why, unless it is done */
  readonly reason: string;
  readonly replies: number;
  readonly errors: readonly LoadFault[];
  readonly errorCount: number;
  readonly resume: ResumePoint;
  /** sent behind that offset without an answer: they may have taken effect */
  readonly unanswered: number;
  readonly seconds: number;
}

const IN_FLIGHT_COMMANDS = 65_536;
/** For the replies to what was sent, when a load is stopped. */
const STOP_WAIT_MS = 5000;
const LEAST_WAIT_MS = 5;

/** Why the sending cannot go on at once. */
type Wait = 'room' | 'idle' | 'rate';

export class Loader implements LoadListener {
  private connections: LoadConnection[] = [];
  private readonly faults: Faults;
  private readonly dealing: Dealing;
  private readonly startedMs = performance.now();
  /** What the rate is reckoned from; a standstill of more than a second is not made up for. */
  private rateSinceMs = performance.now();
  private sentAtRate = 0;
  private outcome: Outcome | null = null;
  private reason = '';
  /** Where the MULTI begins whose EXEC was not sent yet; -1: there is none. */
  private sentMultiOffset = -1;
  /** The one that everybody waits for. */
  private aloneOn: LoadConnection | null = null;
  /** A command was found and not sent yet. */
  private hasFound = false;
  private isStreaming = false;
  private waiting: { until: () => boolean; resolve: () => void } | null = null;

  constructor(private readonly options: LoadOptions) {
    this.faults = new Faults((fault, number) => options.tell(fault, number));
    this.dealing = new Dealing(options.connections);
  }

  /** @throws StartError when it cannot even begin, or the options do not fit the file */
  async run(): Promise<LoadResult> {
    const { connections, endpoint, resume } = this.options;
    const capacity = 2 ** Math.floor(Math.log2(IN_FLIGHT_COMMANDS / connections));
    const inDatabase = { ...endpoint, db: resume.db };
    try {
      while (this.connections.length < connections) {
        this.connections.push(await LoadConnection.open(inDatabase, this, capacity));
      }
      await this.sendAll();
      await this.finish();
      return this.result();
    } finally {
      for (const connection of this.connections) connection.close();
    }
  }

  /** Sends nothing more, and ends when what was sent is answered. */
  stop(reason = 'it was interrupted'): void {
    this.end('interrupted', reason);
    this.options.input.cancel();
    this.progressed();
  }

  get replies(): number {
    return this.connections.reduce((sum, { replies }) => sum + replies, 0);
  }

  get errorCount(): number {
    return this.faults.count;
  }

  /** Everything in front of it is acknowledged. */
  get resume(): ResumePoint {
    let offset = this.sentMultiOffset >= 0 ? this.sentMultiOffset : this.options.reader.position;
    if (this.hasFound) offset = Math.min(offset, this.options.reader.offset);
    for (const { inFlight, openMultiOffset } of this.connections) {
      if (openMultiOffset >= 0) offset = Math.min(offset, openMultiOffset);
      if (inFlight.count > 0) offset = Math.min(offset, inFlight.offset);
    }
    // a header that was read again
    return {
      offset: Math.max(offset, this.options.resume.offset),
      db: this.connections[0]?.db ?? this.options.resume.db,
    };
  }

  // ── told by the connections

  failed({ inFlight }: LoadConnection, message: string): void {
    this.fault(showCommand(inFlight.command), inFlight.offset, inFlight.line, message);
  }

  progressed(): void {
    const { waiting } = this;
    if (waiting === null) return;
    const lost = this.connections.find((connection) => connection.lost !== null);
    if (lost !== undefined) this.end('lost', `the connection was lost: ${lost.lost}`);
    if (!waiting.until()) return;
    this.waiting = null;
    waiting.resolve();
  }

  // ── sending

  private async sendAll(): Promise<void> {
    const { input, reader, readFrom } = this.options;
    let cutOff: string | null = null;
    try {
      for await (const chunk of input.chunks(readFrom)) {
        reader.push(chunk);
        await this.sendFound();
        if (this.outcome !== null) return;
      }
    } catch (error) {
      if (this.outcome !== null) return;
      if (!(error instanceof BrokenInput)) throw error;
      cutOff = error.message;
    }
    reader.finish(cutOff);
    await this.sendFound();
    if (this.outcome === null && this.sentMultiOffset >= 0) {
      this.fault('MULTI', this.sentMultiOffset, 0, 'the file ends within this transaction');
      this.end('truncated', 'the file ends within a transaction');
    }
  }

  /** Everything that is whole at the moment. */
  private async sendFound(): Promise<void> {
    for (;;) {
      const wait = this.sendUntil();
      for (const connection of this.connections) connection.flush();
      if (wait === null || this.outcome !== null) return;
      if (wait === 'rate') await this.untilRate();
      else if (wait === 'idle') await this.until(() => this.isIdle);
      else await this.until(() => this.connections.every(({ hasMuchRoom }) => hasMuchRoom));
      if (this.outcome !== null) return;
    }
  }

  /** Null: nothing whole is left, or the load is over. */
  private sendUntil(): Wait | null {
    const { reader, rate } = this.options;
    let allowance = rate === 0 ? Number.POSITIVE_INFINITY : this.allowance();
    for (;;) {
      if (this.outcome !== null) return null;
      if (!this.hasFound) {
        const found = reader.next();
        if (found === NEXT_CHUNK) return null;
        if (found === PIECE) {
          if (!this.sendPiece()) return 'room';
          continue;
        }
        if (found === FAULT || found === BROKEN) {
          this.fault(reader.shown, reader.offset, reader.line, reader.message);
          if (found === BROKEN) this.end(reader.isTruncated ? 'truncated' : 'malformed', reader.message);
          continue;
        }
        this.hasFound = true;
        this.isStreaming = found === FIRST_PIECE;
        const objection = this.options.areForeign ? this.dealing.look(reader.spans()) : null;
        if (objection !== null) {
          this.refuse(objection);
          continue;
        }
      }
      if (allowance <= 0) return 'rate';
      const wait = this.send();
      if (wait !== null) return wait;
      allowance--;
    }
  }

  /** Sends the command that the reader found; or says what for it must wait. */
  private send(): Wait | null {
    const { reader, areForeign } = this.options;
    const { connections, dealing } = this;
    if (this.aloneOn !== null && this.sentMultiOffset < 0) {
      if (!this.isIdle) return 'idle';
      this.aloneOn = null;
    }
    if (!areForeign && connections.length > 1) dealing.look(reader.spans());
    let place = connections.length === 1 ? 0 : dealing.place(reader.spans());
    const kind = areForeign ? dealing.kind : PLAIN;
    if (
      connections.length > 1 &&
      (place === ALONE || kind !== PLAIN || this.sentMultiOffset >= 0 || this.isStreaming)
    ) {
      if (this.aloneOn === null && !this.isIdle) return 'idle';
      place = 0;
      this.aloneOn = connections[0]!;
    }
    const connection = connections[place]!;
    if (!connection.hasRoom) return 'room';
    connection.send(reader.frame, reader.start, reader.end, reader.offset, reader.line, kind);
    if (kind === SELECT) {
      for (const other of connections.slice(1)) {
        other.send(reader.frame, reader.start, reader.end, reader.offset, reader.line, SELECT_AGAIN);
      }
    }
    if (kind === MULTI) this.sentMultiOffset = reader.offset;
    else if (kind === EXEC || kind === DISCARD) this.sentMultiOffset = -1;
    this.sentAtRate++;
    this.hasFound = false;
    return null;
  }

  /** False: and now wait for room. The piece is on its way either way. */
  private sendPiece(): boolean {
    const { reader } = this.options;
    const connection = this.aloneOn ?? this.connections[0]!;
    connection.sendPiece(reader.frame, reader.start, reader.end);
    if (reader.isLastPiece) this.isStreaming = false;
    return connection.hasRoom;
  }

  private refuse(objection: string): void {
    const { reader } = this.options;
    this.hasFound = false;
    this.fault(showCommand(reader.frame.subarray(reader.start, reader.end)), reader.offset, reader.line, objection);
  }

  // ── waiting

  private get isIdle(): boolean {
    return this.inFlight === 0;
  }

  private get inFlight(): number {
    return this.connections.reduce((sum, { inFlight }) => sum + inFlight.count, 0);
  }

  /** How many commands the rate allows now. */
  private allowance(): number {
    const { rate } = this.options;
    const now = performance.now();
    const owed = Math.floor(((now - this.rateSinceMs) * rate) / 1000) - this.sentAtRate;
    if (owed <= rate) return owed;
    this.rateSinceMs = now;
    this.sentAtRate = 0;
    return 0;
  }

  private async untilRate(): Promise<void> {
    const waitMs = Math.max(LEAST_WAIT_MS, 1000 / this.options.rate);
    await this.until(() => false, waitMs);
  }

  /** Resolves as well when the load ends otherwise, or after `withinMs`. */
  private until(condition: () => boolean, withinMs?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = withinMs === undefined ? null : setTimeout(() => this.goOn(), withinMs);
      this.waiting = {
        until: () => condition() || this.outcome !== null,
        resolve: () => {
          if (timer !== null) clearTimeout(timer);
          resolve();
        },
      };
      this.progressed();
    });
  }

  private goOn(): void {
    const { waiting } = this;
    this.waiting = null;
    waiting?.resolve();
  }

  // ── the end

  private async finish(): Promise<void> {
    const { outcome } = this;
    if (outcome === 'lost') return;
    const isWhole = !this.isStreaming && this.sentMultiOffset < 0;
    // the replies to what was sent, and to nothing else; a command that is sent in part gets none
    this.outcome = null;
    if (isWhole && outcome !== 'interrupted') {
      for (const connection of this.connections) connection.finish();
      await this.until(() => this.connections.every(({ finished }) => finished));
    } else {
      const rest = this.isStreaming ? 1 : 0;
      await this.until(() => this.inFlight <= rest, STOP_WAIT_MS);
    }
    this.outcome ??= outcome;
  }

  private end(outcome: Outcome, reason: string): void {
    if (this.outcome !== null) return;
    this.outcome = outcome;
    this.reason = reason;
  }

  private fault(command: string, offset: number, line: number, message: string): void {
    this.faults.add(command, offset, line, message);
    const { maxErrors } = this.options;
    if (maxErrors > 0 && this.faults.count >= maxErrors) this.stop(`there were ${this.faults.count} errors`);
  }

  private result(): LoadResult {
    return {
      outcome: this.outcome ?? 'done',
      reason: this.reason,
      replies: this.replies,
      errors: this.faults.inOrder,
      errorCount: this.faults.count,
      resume: this.resume,
      // a command of which only a part was sent takes no effect
      unanswered: this.inFlight - (this.isStreaming ? 1 : 0),
      seconds: (performance.now() - this.startedMs) / 1000,
    };
  }
}
