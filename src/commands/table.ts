/**
 * The command table: everything Ferry needs to know about a command, found by the bytes of its name.
 *
 * Three sources meet here. What a command DOES (kind, mirroring, misses, which keys it writes) is Ferry's
 * own knowledge, by name. What EXISTS, with which arity and at which key positions, is what the authority's
 * COMMAND says; without a server the shipped list stands in. What the MIRROR has, decides whether an op can
 * be replayed there at all. After a cutover a new table is made from the other side's COMMAND.
 *
 * A command that only the server knows (a module's, a newer one) is judged by its flags: read only if they
 * say "readonly", else a write that is mirrored by copy.
 */
import type { Reply } from '../resp/values.js';
import { BLOCKING_COMMANDS } from './blocking.js';
import type { Command, CommandKind } from './command.js';
import { type CommandDescription, describedByServer, describedOffline } from './descriptions.js';
import { type KeyPattern, keyPatternOf } from './key-patterns.js';
import { KINDS, kindByFlags } from './kinds.js';
import { MIRRORED_BY_COPY, MIRRORING, type Mirroring, NOT_MIRRORED } from './mirroring.js';
import { MISS_NEVER_TARGET, type Miss, READS } from './misses.js';
import { NameIndex } from './names.js';

export { arityOk, type Command, type CommandKind, isFlush } from './command.js';

export interface TableOptions {
  /** Names under which the authority offers commands (its rename-command): new name → Redis' own name. */
  readonly aliases?: ReadonlyMap<string, string>;
}

/** Ferry's own command; no server has it. */
const FERRY: CommandDescription = {
  name: 'ferry',
  arity: -2,
  flags: new Set(['noscript', 'loading', 'stale']),
  firstKey: 0,
  lastKey: 0,
  keyStep: 0,
};

/**
 * Servers list their commands in any order, and a step that moves the authority swaps the table: what was counted by id
 * must not be taken for another command's then.
 */
const idsByName = new Map<string, number>();

function idOf(name: string): number {
  if (idsByName.size === 0) for (const shipped of [...describedOffline(), FERRY]) giveId(shipped.name);
  return giveId(name);
}

function giveId(name: string): number {
  const known = idsByName.get(name);
  if (known !== undefined) return known;
  const id = idsByName.size;
  idsByName.set(name, id);
  return id;
}

/** Every record has the same fields in the same order, so that the hot path sees one shape. */
class CommandRecord implements Command {
  readonly name: string;
  readonly id: number;
  readonly arity: number;
  readonly kind: CommandKind;
  readonly reason: string;
  readonly mirroring: Mirroring;
  readonly miss: Miss;
  readonly singleKey: boolean;
  readonly firstKey: number;
  readonly lastKey: number;
  readonly keyStep: number;
  readonly movable: boolean;
  readonly keyPattern: KeyPattern;
  readonly blocking: boolean;
  readonly namesScript: boolean;
  readonly classified: boolean;
  readonly exists: boolean;
  /** The table's own to change. */
  onMirror: boolean;

  constructor(description: CommandDescription, exists: boolean, onMirror: boolean) {
    const { name, flags, firstKey, lastKey } = description;
    const known = KINDS.get(name);
    const movesByFlag = flags.has('movablekeys');
    const { kind, reason } = known ?? kindByFlags(name, flags, firstKey > 0 && !movesByFlag);
    const writes = kind === 'write' || (kind !== 'read' && flags.has('write'));
    this.name = name;
    this.id = idOf(name);
    this.arity = description.arity;
    this.kind = kind;
    this.reason = reason;
    this.mirroring = MIRRORING.get(name) ?? (kind === 'write' ? MIRRORED_BY_COPY : NOT_MIRRORED);
    this.miss = READS.get(name) ?? MISS_NEVER_TARGET;
    this.firstKey = firstKey;
    this.lastKey = lastKey;
    this.keyStep = description.keyStep;
    this.keyPattern = keyPatternOf(name, firstKey, movesByFlag, writes);
    this.movable = this.keyPattern.rule !== 'fixed' && this.keyPattern.rule !== 'no-keys';
    this.singleKey = this.keyPattern.rule === 'fixed' && firstKey === lastKey;
    this.blocking = BLOCKING_COMMANDS.has(name);
    this.namesScript = /^(eval|evalsha)(_ro)?$|^script\|load$/.test(name);
    this.classified = known !== undefined;
    this.exists = exists;
    this.onMirror = onMirror;
  }
}

/** What a name leads to: the command, and its subcommands if it is a container. */
interface Entry {
  readonly command: CommandRecord;
  readonly subcommands: NameIndex<CommandRecord> | null;
}

export class CommandTable {
  readonly #commands: CommandRecord[] = [];
  readonly #byName = new Map<string, CommandRecord>();
  readonly #index: NameIndex<Entry>;

  private constructor(
    descriptions: Iterable<readonly [description: CommandDescription, exists: boolean]>,
    onMirror: boolean,
    aliases: ReadonlyMap<string, string>,
  ) {
    for (const [description, exists] of descriptions) {
      if (this.#byName.has(description.name)) continue;
      const command = new CommandRecord(description, exists, onMirror);
      this.#commands.push(command);
      this.#byName.set(command.name, command);
    }
    this.#index = this.#buildIndex(aliases);
  }

  /** Without a server: the commands of a recent Redis, all taken to exist on both sides. */
  static offline(): CommandTable {
    const shipped = [...describedOffline(), FERRY].map((description) => [description, true] as const);
    return new CommandTable(shipped, true, new Map());
  }

  /**
   * From the authority's COMMAND. Commands that only Ferry knows are in the table too, with `exists` false.
   * Until `setMirror` is called the mirror is taken to have none, so that everything would be copied.
   */
  static fromServer(commandReply: Reply, options: TableOptions = {}): CommandTable {
    const described = describedByServer(commandReply);
    const names = new Set(described.map((description) => description.name));
    const listsSubcommands = described.some((description) => description.name.includes('|'));
    const rest = describedOffline().filter((description) => !names.has(description.name));
    const all = [
      ...described.map((description) => [description, true] as const),
      [FERRY, true] as const,
      ...rest.map((description) => {
        // Before 7.0 COMMAND does not list subcommands: those of a container that exists are taken to exist.
        const container = containerOf(description.name);
        return [description, !listsSubcommands && container !== null && names.has(container)] as const;
      }),
    ];
    return new CommandTable(all, false, options.aliases ?? new Map());
  }

  /**
   * The mirror does not say what it has: what the shipped list names is replayed there, and what it then refuses becomes
   * dirty and is copied.
   */
  assumeMirror(): void {
    const shipped = new Set(describedOffline().map(({ name }) => name));
    for (const command of this.#commands) command.onMirror = shipped.has(command.name);
  }

  /** From the mirror's COMMAND: which commands can be replayed there. */
  setMirror(commandReply: Reply): void {
    const names = new Set(describedByServer(commandReply).map((description) => description.name));
    const listsSubcommands = [...names].some((name) => name.includes('|'));
    for (const command of this.#commands) {
      const container = containerOf(command.name);
      command.onMirror = names.has(command.name) || (!listsSubcommands && container !== null && names.has(container));
    }
  }

  /**
   * By the bytes of argument 0, and of argument 1 for a container; letter case does not matter. A container
   * with an unknown subcommand, or with none, is found as itself. Null: nobody knows the command.
   */
  lookup(frame: Buffer, argc: number, starts: Int32Array, ends: Int32Array): Command | null {
    const entry = this.#index.find(frame, starts[0] as number, ends[0] as number);
    if (entry === null) return null;
    if (entry.subcommands === null || argc < 2) return entry.command;
    return entry.subcommands.find(frame, starts[1] as number, ends[1] as number) ?? entry.command;
  }

  byName(name: string): Command | undefined {
    return this.#byName.get(name);
  }

  all(): readonly Command[] {
    return this.#commands;
  }

  #buildIndex(aliases: ReadonlyMap<string, string>): NameIndex<Entry> {
    const subcommands = new Map<string, Map<string, CommandRecord>>();
    for (const command of this.#commands) {
      const container = containerOf(command.name);
      if (container === null) continue;
      const siblings = subcommands.get(container) ?? new Map<string, CommandRecord>();
      siblings.set(command.name.slice(container.length + 1), command);
      subcommands.set(container, siblings);
    }
    const entries = new Map<string, Entry>();
    for (const command of this.#commands) {
      if (containerOf(command.name) !== null) continue;
      const siblings = subcommands.get(command.name);
      entries.set(command.name, { command, subcommands: siblings === undefined ? null : new NameIndex(siblings) });
    }
    for (const [alias, name] of aliases) {
      const entry = entries.get(name.toLowerCase());
      if (entry === undefined) throw new Error(`the renamed command ${name} is none that Redis has`);
      entries.set(alias.toLowerCase(), entry);
    }
    return new NameIndex(entries);
  }
}

function containerOf(name: string): string | null {
  const bar = name.indexOf('|');
  return bar < 0 ? null : name.slice(0, bar);
}
