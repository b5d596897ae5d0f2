/**
 * Pinned connections: one that a single client has for itself for a while, under its own identity.
 *
 * Needed where a connection's state belongs to one client: WATCH, a request of many megabytes that is passed on as it
 * comes, a command that must not wait behind others. They are pooled: whoever gives one back promises that the server
 * has no state of it left (no WATCH, no open MULTI, the database it was opened with).
 */
import type { Resp } from '../resp/values.js';
import type { CommandLane } from './command-lane.js';
import type { Identity } from './identity.js';

/** What the pool needs of its side. */
export interface PinOpener {
  openFor(identity: Identity, db: number, resp: Resp, onCut: () => void): CommandLane;
}

/** Idle connections that are kept for each identity, database and version, and for how long. */
const IDLE_MAX = 8;
const IDLE_MS = 10_000;

export class Pin {
  /** The connection was lost, and with it what the server knew of it. Entries in flight hear of it afterwards. */
  onCut: (() => void) | null = null;
  idleSinceMs = 0;
  readonly lane: CommandLane;

  constructor(
    opener: PinOpener,
    readonly key: string,
    identity: Identity,
    db: number,
    resp: Resp,
  ) {
    this.lane = opener.openFor(identity, db, resp, () => this.onCut?.());
  }
}

export class Pins {
  private readonly idle = new Map<string, Pin[]>();
  private readonly taken = new Set<Pin>();
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly opener: PinOpener) {}

  take(identity: Identity, db: number, resp: Resp): Pin {
    const { name, accounts } = identity;
    const key = `${name}\n${accounts?.source.username ?? ''}\n${accounts?.target.username ?? ''}\n${db}\n${resp}`;
    let pin = this.idle.get(key)?.pop();
    while (pin !== undefined && pin.lane.state !== 'up') {
      pin.lane.close();
      pin = this.idle.get(key)?.pop();
    }
    pin ??= new Pin(this.opener, key, identity, db, resp);
    this.taken.add(pin);
    return pin;
  }

  /** Its last reply has come and the server has no state of it. */
  giveBack(pin: Pin): void {
    pin.onCut = null;
    this.taken.delete(pin);
    const idle = this.idle.get(pin.key) ?? [];
    if (pin.lane.state !== 'up' || idle.length >= IDLE_MAX) {
      pin.lane.closeWhenAnswered();
      return;
    }
    pin.idleSinceMs = performance.now();
    idle.push(pin);
    this.idle.set(pin.key, idle);
    this.timer ??= setTimeout(() => this.sweep(), IDLE_MS);
  }

  /** It is not to be used again: closed when everything sent was answered. */
  discard(pin: Pin): void {
    pin.onCut = null;
    this.taken.delete(pin);
    pin.lane.closeWhenAnswered();
  }

  close(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    for (const pins of this.idle.values()) for (const pin of pins) pin.lane.close();
    for (const pin of this.taken) pin.lane.close();
    this.idle.clear();
    this.taken.clear();
  }

  private sweep(): void {
    this.timer = null;
    const before = performance.now() - IDLE_MS;
    for (const [key, pins] of this.idle) {
      const kept = pins.filter((pin) => pin.idleSinceMs > before);
      for (const pin of pins) if (!kept.includes(pin)) pin.lane.close();
      if (kept.length === 0) this.idle.delete(key);
      else this.idle.set(key, kept);
    }
    if (this.idle.size > 0) this.timer = setTimeout(() => this.sweep(), IDLE_MS);
  }
}
