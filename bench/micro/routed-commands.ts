/**
 * The routing of single-key commands by slot, without servers: what a command costs from its spans to the connection of its
 * node, and its reply from there to whoever waits for it.
 *
 *   plain    the connection's ring alone: a command is put in, its reply is handed on (a side that is one server)
 *   routed   before that the key's slot (CRC16, hash tag), its node, the record and the counts of the slot
 *
 * Everything that routes is Ferry's own; only the connections are rings without sockets.
 */
import { type Command, CommandTable } from '../../src/commands/table.js';
import { defaultConfig } from '../../src/config/config.js';
import { Accounts } from '../../src/lanes/accounts.js';
import type { Lane, LaneEntry } from '../../src/lanes/lane.js';
import { RoutedLane } from '../../src/lanes/routed/routed-lane.js';
import { Upstream } from '../../src/lanes/upstream.js';
import { placeOn, type Spans } from '../../src/routing/placement.js';
import { HOME } from '../../src/topology/slot-map.js';
import type { Contestant } from './rounds.js';

const NODES = 3;
/** Different commands, one after the other, so that no key's slot stays in a register. */
const COMMANDS = 1024;
/** Sent before the first of them is answered. */
const PIPELINE = 64;
const REPLY = Buffer.from('+OK\r\n');

/** A connection that takes commands and answers them when it is told to. */
class Ring {
  readonly state = 'up';
  private readonly entries: (LaneEntry | null)[] = new Array<LaneEntry | null>(PIPELINE).fill(null);
  private count = 0;
  bytes = 0;

  send(entry: LaneEntry, _frame: Buffer, start: number, end: number): void {
    this.entries[this.count++] = entry;
    this.bytes += end - start;
  }

  answer(): void {
    const { count } = this;
    this.count = 0;
    for (let i = 0; i < count; i++) {
      const entry = this.entries[i]!;
      this.entries[i] = null;
      entry.onReply(REPLY, 0, REPLY.length);
    }
  }

  close(): void {}
}

class Answered implements LaneEntry {
  readonly streams = false;
  count = 0;

  onReply(): void {
    this.count++;
  }

  onPiece(): void {}

  onLost(): void {
    throw new Error('a command was lost');
  }
}

/** GETs of so many different keys, and the spans of the one that is next. */
class Commands implements Spans {
  readonly frame: Buffer;
  readonly argc = 2;
  readonly starts = new Int32Array(2);
  readonly ends = new Int32Array(2);
  private readonly at = new Int32Array(COMMANDS);
  private readonly length: number;
  private readonly keyOffset: number;

  constructor(
    private readonly keyBytes: number,
    isTagged: boolean,
  ) {
    const frames = Array.from({ length: COMMANDS }, (_, i) => {
      const number = i.toString(36).padStart(6, '0');
      const key = (isTagged ? `{user:${number}}` : `user:${number}`).padEnd(keyBytes, ':abcdefghij');
      return `*2\r\n$3\r\nGET\r\n$${keyBytes}\r\n${key}\r\n`;
    });
    this.frame = Buffer.from(frames.join(''));
    this.length = frames[0]!.length;
    for (let i = 0; i < COMMANDS; i++) this.at[i] = i * this.length;
    this.keyOffset = frames[0]!.indexOf(isTagged ? '{' : 'user');
  }

  /** As a scanner leaves them; where the command begins. */
  load(i: number): number {
    const start = this.at[i & (COMMANDS - 1)]!;
    this.starts[0] = start + 8;
    this.ends[0] = start + 11;
    this.starts[1] = start + this.keyOffset;
    this.ends[1] = start + this.keyOffset + this.keyBytes;
    return start;
  }

  endOf(start: number): number {
    return start + this.length;
  }
}

export interface RoutedCase {
  readonly name: string;
  readonly plain: Contestant;
  readonly routed: Contestant;
  close(): void;
}

export function routedCase(keyBytes: number, isTagged: boolean): RoutedCase {
  const commands = new Commands(keyBytes, isTagged);
  const entry = new Answered();
  const get: Command = CommandTable.offline().byName('get')!;
  const name = `${keyBytes} bytes${isTagged ? ', hash tag' : ''}`;

  const alone = new Ring();
  const plain: Contestant = {
    name: `${name}: plain`,
    run(count) {
      for (let i = 0; i < count; ) {
        for (const end = Math.min(count, i + PIPELINE); i < end; i++) {
          const start = commands.load(i);
          alone.send(entry, commands.frame, start, commands.endOf(start));
        }
        alone.answer();
      }
    },
  };

  const side = clusterSide();
  const rings = Array.from({ length: NODES }, () => new Ring());
  const lane = new RoutedLane(side, { open: (node) => rings[node] as unknown as Lane, keepsUnsent: true });
  const routed: Contestant = {
    name: `${name}: routed`,
    run(count) {
      for (let i = 0; i < count; ) {
        for (const end = Math.min(count, i + PIPELINE); i < end; i++) {
          const start = commands.load(i);
          lane.send(entry, commands.frame, start, commands.endOf(start), placeOn(side, get, 0, commands));
        }
        for (let n = 0; n < NODES; n++) rings[n]!.answer();
      }
    },
  };
  const close = (): void => {
    lane.close();
    side.close();
  };
  return { name, plain, routed, close };
}

const NO_SECRET = { file: null, command: null };

/** A Cluster that nobody connects to: every third slot is another node's. */
function clusterSide(): Upstream {
  const config = defaultConfig({ source: 'redis+cluster://127.0.0.1:1', target: 'redis://127.0.0.1:1' });
  const side = new Upstream({
    side: 'source',
    endpoint: config.source,
    accounts: new Accounts(config, { source: NO_SECRET, target: NO_SECRET }, {}, null),
    mappedDb: -1,
    connectionName: 'bench',
    rename: {},
    topology: config.topology,
    timeouts: config.timeouts,
    prefixes: null,
    scope: null,
  });
  for (let slot = 0; slot <= HOME; slot++) side.map.assign(slot, slot % NODES);
  return side;
}
