/**
 * What slot routing does to one command, without any network: its place is found (CRC16 of the key or its hash tag), and
 * a routed lane hands it to the lane of its node and gets the reply back. The nodes' lanes are stand-ins that answer at
 * once, so that nothing but routing is left. `direct` is the same command handed to such a lane without routing.
 */
import { type Command, CommandTable } from '../../src/commands/table.js';
import type { Lane, LaneEntry } from '../../src/lanes/lane.js';
import { RoutedLane, type Routes } from '../../src/lanes/routed/routed-lane.js';
import { encodeCommand } from '../../src/resp/encode.js';
import { ArgReader } from '../../src/resp/request.js';
import { type PlacingSide, placeOn, type Spans } from '../../src/routing/placement.js';
import { keySlot } from '../../src/topology/crc16.js';
import { HOME, SlotMap } from '../../src/topology/slot-map.js';

const NODES = 3;
const KEYS = 1024;
const REPLY = Buffer.from('+OK\r\n');

/** Answers everything at once. */
class AnsweringLane {
  readonly state = 'up';

  send(entry: LaneEntry, _frame: Buffer, _start: number, _end: number): void {
    entry.onReply(REPLY, 0, REPLY.length);
  }
}

class FixedRoutes implements Routes {
  readonly map = new SlotMap();
  readonly hasSlots = true;
  readonly isHeld = false;
  readonly redirectWaitMs = 1000;

  constructor() {
    for (let slot = 0; slot <= HOME; slot++) this.map.assign(slot, slot % NODES);
  }

  nodeAt(): number {
    throw new Error('nothing is redirected here');
  }

  moved(): void {}
  doubt(): void {}
  sawAsk(): void {}
  attach(): void {}
  forget(): void {}
}

const SIDE: PlacingSide = {
  hasSlots: true,
  slotOf: (_db, buf, start, end) => keySlot(buf, start, end),
};

export class RoutedCommands {
  answered = 0;
  private readonly command: Command;
  private readonly chunk: Buffer;
  private readonly frameStarts = new Int32Array(KEYS + 1);
  private readonly keyStarts = new Int32Array(KEYS);
  private readonly keyEnds = new Int32Array(KEYS);
  private readonly spans: Spans;
  private readonly direct = new AnsweringLane();
  private readonly routed: RoutedLane;
  private readonly entry: LaneEntry;

  /** GETs of keys of so many bytes, with a hash tag in half of their length or without. */
  constructor(keyBytes: number, tagged: boolean) {
    const owner = this;
    this.entry = {
      streams: false,
      onReply() {
        owner.answered++;
      },
      onPiece() {},
      onLost() {
        throw new Error('nothing is lost here');
      },
    };
    this.command = CommandTable.offline().byName('get')!;
    // as a client's pipeline comes: many commands in one chunk, one set of spans for each in its turn
    const frames = Array.from({ length: KEYS }, (_, n) => encodeCommand(['GET', keyOf(n, keyBytes, tagged)]));
    this.chunk = Buffer.concat(frames);
    const reader = new ArgReader();
    let at = 0;
    for (const [n, frame] of frames.entries()) {
      reader.read(this.chunk, at, at + frame.length);
      this.frameStarts[n] = at;
      at += frame.length;
      this.frameStarts[n + 1] = at;
      this.keyStarts[n] = reader.starts[1]!;
      this.keyEnds[n] = reader.ends[1]!;
    }
    this.spans = { frame: this.chunk, argc: 2, starts: new Int32Array(2), ends: new Int32Array(2) };
    const lanes = Array.from({ length: NODES }, () => new AnsweringLane() as unknown as Lane);
    this.routed = new RoutedLane(new FixedRoutes(), { open: (node) => lanes[node]!, keepsUnsent: true });
  }

  runDirect(count: number): void {
    const { chunk, frameStarts, direct, entry } = this;
    for (let i = 0; i < count; i++) {
      const n = i & (KEYS - 1);
      this.span(n);
      direct.send(entry, chunk, frameStarts[n]!, frameStarts[n + 1]!);
    }
  }

  runRouted(count: number): void {
    const { chunk, frameStarts, routed, entry, spans, command } = this;
    for (let i = 0; i < count; i++) {
      const n = i & (KEYS - 1);
      this.span(n);
      routed.send(entry, chunk, frameStarts[n]!, frameStarts[n + 1]!, placeOn(SIDE, command, 0, spans));
    }
  }

  /** What the scanner does for every command, routed or not. */
  private span(n: number): void {
    this.spans.starts[1] = this.keyStarts[n]!;
    this.spans.ends[1] = this.keyEnds[n]!;
  }
}

function keyOf(i: number, bytes: number, tagged: boolean): string {
  const text = `${i.toString(36)}${'abcdefghijklmnop'.repeat(8)}`;
  if (!tagged) return text.slice(0, bytes);
  const tag = text.slice(0, bytes / 2);
  return `{${tag}}${text}`.slice(0, Math.max(bytes, tag.length + 2));
}
