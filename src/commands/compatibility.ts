/**
 * The page docs/compatibility.md: how each command is routed and mirrored, written out from the tables that
 * decide it, so that it cannot say anything else. A test compares the page with what this makes.
 */
import type { Command, CommandKind } from './command.js';
import { DIFFERENCES } from './differences.js';
import { spoken } from './kinds.js';
import type { Mirroring } from './mirroring.js';
import { type Miss, NEVER_TARGET_REASONS } from './misses.js';
import type { CommandTable } from './table.js';

const CLASSES: Readonly<Record<Mirroring['class'], string>> = {
  replay: 'replayed',
  time: 'absolute time',
  outcome: 'outcome',
  copy: 'copy',
  none: 'nothing',
};

const NEEDS: Readonly<Record<Mirroring['needs'], string>> = {
  whole: 'nothing: it overwrites',
  base: 'the old value',
  inputs: 'its inputs',
  none: 'nothing',
};

const TTLS: Readonly<Record<Mirroring['ttl'], string>> = {
  clears: 'cleared',
  keeps: 'kept',
  sets: 'set',
  moves: 'moved along',
};

const MISSES: Readonly<Record<Miss, string>> = {
  never: 'never asked',
  nil: 'null',
  empty: 'null or empty',
  zero: '0',
  'zero-or-minus-one': '0 or -1',
  'minus-two': '-2',
  'none-type': '`none`',
  'all-nil': 'nulls only',
  'all-zero': 'zeros only',
  'all-minus-two': '-2 only',
};

const INTRODUCTION = `# Compatibility: how each command is routed and mirrored

<!-- Generated from src/commands by test/unit/commands/compatibility.test.ts. Do not edit: change the tables there and
     run \`npx vitest run test/unit/commands/compatibility.test.ts -u\`. -->

What a command does is Ferry's own knowledge and is listed here. Whether it exists, and with how many arguments, is what
the server says that has authority: the source before the cutover, the target after. Commands of newer servers than your
own are in the list and simply do not exist there.

A command that is not in the list (a module's, a newer server's) is taken for a write and mirrored by copy of its keys,
unless its server calls it \`readonly\`; then it is a read that always asks the authority. If its server calls it
administrative it is refused, if it blocks or subscribes it is not supported yet, and if the positions of its keys depend
on its arguments it is refused as a write and passed to the authority as a read.
`;

const DIFFERS = `
## What differs on purpose

Otherwise a reply has the bytes that the authority itself sends, in RESP2 and RESP3, errors included: a test asks every
command of the installed server both ways, in all five phases.

| commands | what | why |
|---|---|---|
`;

const WRITES = `
## Writes

Every write goes to the authority. What the other side gets for it:

| mirrored as | what is sent |
|---|---|
| replayed | the same bytes |
| absolute time | the same effect with the deadline that the authority has, instead of a time to live |
| outcome | only what happened, read from the reply: no condition, random choice, generated id or rounding is repeated |
| copy | the state of each key that it may have written, read whole from the authority |

An op that needs the old value or its inputs is sent only while the mirror certainly has them; else the keys it writes are
copied. So is every op the mirror's server does not know, or that a rare option makes impossible to derive. Where
"checked" says so, the mirror's reply is compared with the authority's, and a difference makes the key be copied again.

Some commands are writes or reads depending on their arguments: SORT, GEORADIUS and GEORADIUSBYMEMBER without STORE,
BITFIELD with GET only, GETEX without an option, XREADGROUP that reads nothing new. They always take the way of a write,
which costs a little and changes nothing. Use SORT_RO, GEORADIUS_RO, GEOSEARCH, BITFIELD_RO or GET to have them read as
reads.

| command | mirrored as | needs on the mirror | TTL | checked | keys |
|---|---|---|---|---|---|
`;

const KEYLESS_WRITES = `
## Writes without keys

Replayed in the order of the authority's replies. FLUSHALL and FLUSHDB wait for everything before them and hold back
everything after them.

`;

const READS = `
## Reads

Reads ask the authority. In the phase \`target-read\` a read of one key may ask the target; if the reply is one that a
missing key gives (below), or an error, the source is asked again and its reply is the answer. An existing key whose
answer looks the same is asked twice, which costs time only. With several keys (MGET a b) a read asks the authority.

| command | a missing key looks like |
|---|---|
`;

const NEVER = `
### Reads that always ask the authority

| commands | why |
|---|---|
`;

/** The table's own order is the server's; the page is sorted by name. */
export function compatibilityPage(table: CommandTable): string {
  const commands = [...table.all()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const of = (kind: CommandKind): Command[] => commands.filter((command) => command.kind === kind);
  const reads = of('read');
  return [
    INTRODUCTION,
    DIFFERS,
    DIFFERENCES.map(({ commands, what, why }) => `| ${commands.map(spoken).join(', ')} | ${what} | ${why} |\n`).join(
      '',
    ),
    WRITES,
    of('write').map(writeRow).join(''),
    KEYLESS_WRITES,
    list(of('keyless-write')),
    READS,
    reads
      .filter((command) => command.miss !== 'never')
      .map((command) => `| ${spoken(command.name)} | ${MISSES[command.miss]} |\n`)
      .join(''),
    NEVER,
    byReason(reads.filter((command) => command.miss === 'never').map((command) => [command, whyNever(command)])),
    '\n## Passed to the authority\n\nNot about one key, or not about data; not mirrored.\n\n',
    list(of('server')),
    '\n## Answered by Ferry\n\n',
    list(of('session')),
    '\n## Not supported yet\n\nAnswered with `-FERRY … is not supported yet`.\n\n| commands | why |\n|---|---|\n',
    byReason(of('unsupported').map((command) => [command, afterColon(command.reason)])),
    '\n## Refused\n\nAnswered with `-FERRY … is refused`.\n\n| commands | why |\n|---|---|\n',
    byReason(of('refused').map((command) => [command, afterColon(command.reason)])),
  ].join('');
}

function writeRow({ name, mirroring, keyPattern }: Command): string {
  const copied = mirroring.class === 'copy';
  const needs = NEEDS[mirroring.needs] + (mirroring.destinationBase ? ' and the old value' : '');
  const cells = [
    spoken(name),
    CLASSES[mirroring.class],
    copied ? 'nothing' : needs,
    copied ? '' : TTLS[mirroring.ttl],
    mirroring.selfCheck ? 'checked' : '',
    keyPattern.rule === 'fixed' ? 'by position' : 'by arguments',
  ];
  return `| ${cells.join(' | ')} |\n`;
}

function whyNever(command: Command): string {
  return NEVER_TARGET_REASONS.get(command.name) ?? 'not known to Ferry';
}

function afterColon(reason: string): string {
  return reason.slice(reason.indexOf(': ') + 2);
}

/** One row per reason, the commands in order. */
function byReason(pairs: readonly (readonly [Command, string])[]): string {
  const rows = new Map<string, string[]>();
  for (const [command, why] of pairs) rows.set(why, [...(rows.get(why) ?? []), spoken(command.name)]);
  return [...rows].map(([why, names]) => `| ${names.join(', ')} | ${why} |\n`).join('');
}

function list(commands: readonly Command[]): string {
  return `${commands.map((command) => spoken(command.name)).join(', ')}\n`;
}
