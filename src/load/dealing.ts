/**
 * Which connection a command goes on when there are several, and which commands a file may not hold.
 *
 * Every key belongs to one connection, so its commands stay in order. What has keys of several, or no keys, or is part of
 * a transaction, goes ALONE: after everything before it was answered, and before anything behind it is sent.
 */
import { findKeys, KeyList } from '../commands/keys.js';
import { type Command, CommandTable } from '../commands/table.js';
import type { CommandSpans } from '../resp/command-spans.js';
import { keySlot } from '../topology/crc16.js';
import { DISCARD, type EntryKind, EXEC, MULTI, PLAIN, SELECT } from './in-flight.js';

export const ALONE = -1;

const KINDS: ReadonlyMap<string, EntryKind> = new Map<string, EntryKind>([
  ['multi', MULTI],
  ['exec', EXEC],
  ['discard', DISCARD],
  ['select', SELECT],
]);

/** After these, replies would no longer be one per command, or would be somebody else's. */
const NEVER = /^(p|s)?(un)?subscribe$|^(monitor|sync|psync|quit|reset|client\|reply)$/;
/** They change one connection, where all would have to change. */
const ONE_CONNECTION =
  /^(auth|hello|readonly|readwrite|asking)$|^client(\|(tracking|no-touch|no-evict|setname|caching))?$/;

export class Dealing {
  private readonly table = CommandTable.offline();
  private readonly kinds: Uint8Array;
  /** By command id: 1 never, 2 only with one connection. */
  private readonly bans: Uint8Array;
  private readonly keys = new KeyList();
  private command: Command | null = null;

  constructor(private readonly connections: number) {
    const all = this.table.all();
    this.kinds = Uint8Array.from(all, ({ name }) => KINDS.get(name) ?? PLAIN);
    this.bans = Uint8Array.from(all, ({ name }) => (NEVER.test(name) ? 1 : ONE_CONNECTION.test(name) ? 2 : 0));
  }

  /** The methods below speak of this command until the next look. Null, or why it cannot be sent. */
  look({ frame, argsRead, starts, ends }: CommandSpans): string | null {
    const command = argsRead === 0 ? null : this.table.lookup(frame, argsRead, starts, ends);
    this.command = command;
    if (command === null) return null;
    const ban = this.bans[command.id];
    if (ban === 0) return null;
    const name = command.name.toUpperCase().replace('|', ' ');
    if (ban === 1)
      return `not sent: ${name} cannot be loaded, since replies would not be one for each command any more`;
    return this.connections === 1
      ? null
      : `not sent: ${name} is for one connection, and --connections asks for several`;
  }

  get kind(): EntryKind {
    return this.command === null ? PLAIN : (this.kinds[this.command.id] as EntryKind);
  }

  /** The place of its connection, or ALONE. */
  place({ frame, argc, argsRead, starts, ends }: CommandSpans): number {
    const { command, connections, keys } = this;
    if (connections === 1) return 0;
    if (command === null || argsRead < argc) return ALONE;
    if (command.singleKey) {
      const key = command.firstKey;
      return key < argc ? keySlot(frame, starts[key]!, ends[key]!) % connections : ALONE;
    }
    if (!findKeys(command, frame, argc, starts, ends, keys) || keys.count === 0) return ALONE;
    let place = ALONE;
    for (let i = 0; i < keys.count; i++) {
      const key = keys.index[i]!;
      const its = keySlot(frame, starts[key]!, ends[key]!) % connections;
      if (i > 0 && its !== place) return ALONE;
      place = its;
    }
    return place;
  }
}
