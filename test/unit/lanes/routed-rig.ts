/** A routed lane between some scripted nodes and nothing else: its side is a slot map that the test sets. */
import { ANY_NODE } from '../../../src/lanes/command-lane.js';
import { type HandshakeStep, Lane, type LaneEntry } from '../../../src/lanes/lane.js';
import { RoutedLane, type RoutedLaneOptions, type Routes } from '../../../src/lanes/routed/routed-lane.js';
import { encodeCommand } from '../../../src/resp/encode.js';
import { SlotMap } from '../../../src/topology/slot-map.js';
import { ScriptedNode } from './scripted-node.js';

export const SLOT = 7;
const PATIENCE_MS = 8_000;

class TestRoutes implements Routes {
  readonly map = new SlotMap();
  readonly attached = new Set<RoutedLane>();
  readonly isHeld = false;
  doubts: string[] = [];
  asks = 0;

  constructor(
    private readonly nodes: readonly ScriptedNode[],
    readonly hasSlots: boolean,
    readonly redirectWaitMs: number,
  ) {}

  nodeAt(_host: string, port: number): number {
    return this.nodes.findIndex((node) => node.port === port);
  }

  moved(slot: number, node: number): void {
    this.map.assign(slot, node);
  }

  doubt(reason: string): void {
    this.doubts.push(reason);
  }

  sawAsk(slot: number): void {
    this.asks++;
    this.map.touch(slot);
  }

  attach(lane: RoutedLane): void {
    this.attached.add(lane);
  }

  forget(lane: RoutedLane): void {
    this.attached.delete(lane);
  }
}

export interface RigOptions extends Partial<Pick<RoutedLaneOptions, 'keepsUnsent' | 'isEager' | 'onBroken'>> {
  readonly nodes?: number;
  readonly hasSlots?: boolean;
  readonly redirectWaitMs?: number;
  handshake?(): readonly HandshakeStep[];
}

/** What the lane keeps for itself. */
interface Insides {
  readonly pending: Uint32Array;
  readonly inFlight: number;
  readonly detours: ReadonlyMap<number, unknown>;
}

export class Rig {
  /** What became of each entry, in the order in which they heard of it: `name: reply`. */
  readonly heard: string[] = [];
  /** All commands come from one client, that cares for their order. */
  isOneSender = false;
  private sent = 0;
  private newestHeard = -1;

  private constructor(
    readonly nodes: readonly ScriptedNode[],
    readonly routes: TestRoutes,
    readonly lane: RoutedLane,
  ) {}

  /** SLOT is the first node's. */
  static async start(options: RigOptions = {}): Promise<Rig> {
    const nodes = await Promise.all(Array.from({ length: options.nodes ?? 2 }, () => ScriptedNode.start()));
    const routes = new TestRoutes(nodes, options.hasSlots ?? true, options.redirectWaitMs ?? 5_000);
    routes.map.owner.fill(0);
    const lane = new RoutedLane(routes, {
      keepsUnsent: true,
      ...options,
      open: (index, hooks) =>
        new Lane({
          name: `node ${index}`,
          address: { host: '127.0.0.1', port: nodes[index]!.port },
          giveUpOnRefusal: true,
          handshake: () => options.handshake?.() ?? [],
          onUp: hooks.onUp,
          onCut: hooks.onCut,
        }),
    });
    return new Rig(nodes, routes, lane);
  }

  entry(name: string): LaneEntry {
    const number = this.sent++;
    const hears = (what: string): void => {
      this.heard.push(`${name}: ${what}`);
      this.newestHeard = Math.max(this.newestHeard, number);
    };
    return {
      streams: false,
      isOvertaken: () => this.isOneSender && this.newestHeard > number,
      onReply: (buf, start, end) => hears(buf.toString('latin1', start, end).trim().replaceAll('\r\n', ' ')),
      onPiece: () => hears('a piece'),
      onLost: (sent) => hears(sent ? 'lost' : 'never sent'),
    };
  }

  /** Its name is the command itself. */
  send(command: string, slot = SLOT): void {
    const frame = encodeCommand(command.split(' '));
    this.lane.send(this.entry(command), frame, 0, frame.length, slot);
  }

  group(commands: readonly string[], atomic: number, breaks = false, slot = SLOT): void {
    this.lane.beginGroup(slot, atomic, breaks);
    // the slot is the group's: MULTI and EXEC have no key of their own
    for (const command of commands) this.send(command, ANY_NODE);
    this.lane.endGroup();
  }

  moved(to: number, slot = SLOT): string {
    return `-MOVED ${slot} 127.0.0.1:${this.nodes[to]!.port}\r\n`;
  }

  ask(to: number, slot = SLOT): string {
    return `-ASK ${slot} 127.0.0.1:${this.nodes[to]!.port}\r\n`;
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    while (!condition()) {
      if (performance.now() > deadlineMs) throw new Error(`${what}: never; heard ${JSON.stringify(this.heard)}`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** Resolves to what was heard, once so much was. */
  async hears(count: number): Promise<string[]> {
    await this.until(`${count} answers`, () => this.heard.length >= count);
    return this.heard;
  }

  received(node: number, count: number): Promise<void> {
    return this.until(`${count} commands at ${node}`, () => this.nodes[node]!.received.length >= count);
  }

  /** What the lane still counts as on its way; all of it 0 when everybody has an answer. */
  get left(): { pending: number; inFlight: number; detours: number } {
    const { pending, inFlight, detours } = this.lane as unknown as Insides;
    return { pending: pending.reduce((sum, n) => sum + n, 0), inFlight, detours: detours.size };
  }

  async stop(): Promise<void> {
    this.lane.close();
    await Promise.all(this.nodes.map((node) => node.stop()));
  }
}

export const NOTHING_LEFT = { pending: 0, inFlight: 0, detours: 0 };
