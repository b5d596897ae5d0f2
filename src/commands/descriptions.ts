/**
 * A command as its server describes it: name, arity, flags, key positions; read from a COMMAND reply, or,
 * without a server, from the list that @ioredis/commands ships. Nothing here is Ferry's own opinion.
 */
import { createRequire } from 'node:module';
import type { Reply } from '../resp/values.js';

export interface CommandDescription {
  /** Lower case; "container|sub" for a subcommand. */
  readonly name: string;
  readonly arity: number;
  readonly flags: ReadonlySet<string>;
  readonly firstKey: number;
  readonly lastKey: number;
  readonly keyStep: number;
}

/**
 * COMMAND's reply: an array of [name, arity, flags, first, last, step, categories, tips, key specs,
 * subcommands]; the last four only since Redis 7.0, where subcommands are described like commands.
 * Before 7.0 containers come without their subcommands. Throws on anything else.
 */
export function describedByServer(commandReply: Reply): CommandDescription[] {
  if (!Array.isArray(commandReply)) throw new Error('COMMAND did not answer with an array');
  const found: CommandDescription[] = [];
  for (const entry of commandReply) collect(entry, found);
  return found;
}

function collect(entry: Reply, found: CommandDescription[]): void {
  if (!Array.isArray(entry) || entry.length < 6) throw new Error('COMMAND answered with an entry that is none');
  const [name, arity, flags, firstKey, lastKey, keyStep] = entry;
  found.push({
    name: text(name).toLowerCase(),
    arity: Number(arity),
    flags: new Set(Array.isArray(flags) ? flags.map(text) : []),
    firstKey: Number(firstKey),
    lastKey: Number(lastKey),
    keyStep: Number(keyStep),
  });
  const subcommands = entry[9];
  if (Array.isArray(subcommands)) for (const subcommand of subcommands) collect(subcommand, found);
}

function text(value: Reply | undefined): string {
  return Buffer.isBuffer(value) ? value.toString('latin1') : String(value);
}

interface ShippedCommand {
  readonly arity: number;
  readonly flags: readonly string[];
  readonly keyStart: number;
  readonly keyStop: number;
  readonly step: number;
  readonly subcommands?: Readonly<Record<string, ShippedCommand>>;
}

/** The shipped list is that of a recent Redis: it knows more commands than most servers do. */
export function describedOffline(): CommandDescription[] {
  // The package's functions tell only names, flags and positions; its data file has the arity too.
  const shipped = createRequire(import.meta.url)('@ioredis/commands/built/commands.json') as Record<
    string,
    ShippedCommand
  >;
  const found: CommandDescription[] = [];
  const collectShipped = (name: string, command: ShippedCommand): void => {
    found.push({
      name,
      arity: command.arity,
      flags: new Set(command.flags),
      firstKey: command.keyStart,
      lastKey: command.keyStop,
      keyStep: command.step,
    });
    for (const [sub, subcommand] of Object.entries(command.subcommands ?? {})) {
      collectShipped(`${name}|${sub}`, subcommand);
    }
  };
  for (const [name, command] of Object.entries(shipped)) collectShipped(name, command);
  return found;
}
