import { describe, expect, it, test } from 'vitest';
import type { Command } from '../../../src/commands/command.js';
import { findKeys, KeyList } from '../../../src/commands/keys.js';
import { KINDS } from '../../../src/commands/kinds.js';
import { MIRRORING } from '../../../src/commands/mirroring.js';
import { READS } from '../../../src/commands/misses.js';
import { arityOk, CommandTable } from '../../../src/commands/table.js';
import { frameOf, words } from './frames.js';

function lookup(table: CommandTable, line: string): Command | null {
  const { frame, argc, starts, ends } = frameOf(words(line));
  return table.lookup(frame, argc, starts, ends);
}

/** A COMMAND reply with one entry per [name, arity, flags, first, last, step, subcommands]. */
type Row = [string, number, string[], number, number, number, Row[]?];
type Nested = Buffer | number | Nested[];
function commandReply(rows: Row[]): Nested[] {
  const row = ([name, arity, flags, first, last, step, subcommands]: Row): Nested => [
    Buffer.from(name),
    arity,
    flags.map((flag) => Buffer.from(flag)),
    first,
    last,
    step,
    [],
    [],
    [],
    (subcommands ?? []).map(row),
  ];
  return rows.map(row);
}

test('a command has the same id in every table, in whatever order servers list them', () => {
  const rows: Row[] = [
    ['get', 2, ['readonly'], 1, 1, 1],
    ['evalsha', -3, ['movablekeys'], 0, 0, 0],
    ['json.get', -2, ['readonly'], 1, 1, 1],
    ['json.set', -4, ['write'], 1, 1, 1],
  ];
  const one = CommandTable.fromServer(commandReply(rows));
  const other = CommandTable.fromServer(commandReply([...rows].reverse()));
  for (const { name, id } of one.all()) expect(other.byName(name)?.id, name).toBe(id);
  expect(new Set(one.all().map(({ id }) => id)).size).toBe(one.all().length);
});

describe('CommandTable, offline', () => {
  const table = CommandTable.offline();

  it('finds every command by its bytes, in any letter case', () => {
    for (const command of table.all()) {
      const line = command.name.replace('|', ' ');
      expect(lookup(table, line)?.name).toBe(command.name);
      expect(lookup(table, line.toUpperCase())?.name).toBe(command.name);
      expect(lookup(table, `${line} more`)?.name).toBe(command.name);
    }
  });

  it('finds a container as itself when the subcommand is unknown or missing', () => {
    expect(lookup(table, 'XGROUP')?.name).toBe('xgroup');
    expect(lookup(table, 'XGROUP DANCE k')).toMatchObject({ name: 'xgroup', kind: 'refused' });
    expect(lookup(table, 'CLIENT DANCE')).toMatchObject({ name: 'client', kind: 'refused' });
  });

  it('answers null for what nobody knows', () => {
    expect(lookup(table, 'GETX k')).toBeNull();
    expect(lookup(table, "'' k")).toBeNull();
    expect(lookup(table, 'xgroup|create k')).toBeNull();
  });

  it('numbers the commands densely', () => {
    expect(table.all().map((command) => command.id)).toEqual(table.all().map((_, i) => i));
  });

  it('knows a key by position on the fast path, and only there', () => {
    expect(table.byName('get')).toMatchObject({ singleKey: true, firstKey: 1, movable: false });
    expect(table.byName('xgroup|create')).toMatchObject({ singleKey: true, firstKey: 2 });
    for (const name of ['del', 'mset', 'eval', 'xread', 'copy', 'sort', 'georadius', 'ping', 'flushall']) {
      expect(table.byName(name), name).toMatchObject({ singleKey: false });
    }
  });

  it('says why a command is refused or not supported', () => {
    expect(table.byName('replicaof')?.reason).toBe('REPLICAOF is refused: it is for replicas');
    expect(table.byName('waitaof')?.reason).toBe('WAITAOF is not supported yet: it blocks');
    for (const command of table.all()) {
      const needsReason = command.kind === 'refused' || command.kind === 'unsupported';
      expect(command.reason !== '', command.name).toBe(needsReason);
    }
  });

  it('has the FERRY command', () => {
    expect(lookup(table, 'ferry status')).toMatchObject({ name: 'ferry', kind: 'session' });
  });

  it('classifies every shipped command by name', () => {
    expect(table.all().filter((command) => !command.classified)).toEqual([]);
  });
});

describe('the tables behind it', () => {
  it('name each command once: a write, a read, or neither', () => {
    const writes = [...MIRRORING.keys()];
    expect(writes.filter((name) => READS.has(name))).toEqual([]);
    for (const name of writes) expect(KINDS.get(name)?.kind, name).toMatch(/^(keyless-)?write$/);
    for (const name of READS.keys()) expect(KINDS.get(name)?.kind, name).toBe('read');
  });

  it('mirror every write and nothing else', () => {
    for (const command of CommandTable.offline().all()) {
      const writes = command.kind === 'write' || command.kind === 'keyless-write';
      expect(command.mirroring.class !== 'none', command.name).toBe(writes);
      if (command.kind !== 'read') expect(command.miss, command.name).toBe('never');
    }
  });

  it('compare replies only where the same bytes are sent, on what they build on', () => {
    for (const [name, mirroring] of MIRRORING) {
      if (mirroring.selfCheck) expect(mirroring.class, name).toBe('replay');
      if (mirroring.class === 'copy') expect(mirroring.needs, name).toBe('none');
      if (mirroring.destinationBase) expect(mirroring.needs, name).toBe('inputs');
    }
  });
});

describe('arityOk', () => {
  const table = CommandTable.offline();
  it.each([
    ['get', 2, true],
    ['get', 1, false],
    ['get', 3, false],
    ['set', 2, false],
    ['set', 3, true],
    ['set', 9, true],
    ['xgroup|create', 4, false],
    ['xgroup|create', 5, true],
  ])('%s with %i arguments: %s', (name, argc, ok) => {
    expect(arityOk(table.byName(name) as Command, argc)).toBe(ok);
  });
});

describe('CommandTable, from a server', () => {
  const reply = commandReply([
    ['GET', 2, ['readonly', 'fast'], 1, 1, 1],
    ['set', -3, ['write', 'denyoom'], 1, 1, 1],
    ['xgroup', -2, [], 0, 0, 0, [['xgroup|create', -5, ['write'], 2, 2, 1]]],
    ['bf.add', 3, ['write', 'module'], 1, 1, 1],
    ['bf.exists', 3, ['readonly', 'module'], 1, 1, 1],
    ['bf.odd', -2, ['module'], 0, 0, 0],
    ['bf.moving', -2, ['write', 'module', 'movablekeys'], 1, 1, 1],
    ['bf.peek', -2, ['readonly', 'module', 'movablekeys'], 0, 0, 0],
    ['bf.config', -2, ['admin', 'module'], 0, 0, 0],
    ['bf.wait', -2, ['write', 'blocking', 'module'], 1, 1, 1],
  ]);
  const table = CommandTable.fromServer(reply);

  it('says what exists there, and keeps knowing the rest', () => {
    expect(lookup(table, 'get k')).toMatchObject({ exists: true, kind: 'read' });
    expect(lookup(table, 'getex k')).toMatchObject({ exists: false, kind: 'write' });
    expect(lookup(table, 'xgroup create k g 0')).toMatchObject({ exists: true });
    expect(lookup(table, 'xgroup destroy k g')).toMatchObject({ exists: false });
    expect(lookup(table, 'ferry status')).toMatchObject({ exists: true });
  });

  it('takes the unknown for a write, copied, unless the server says otherwise', () => {
    expect(table.byName('bf.add')).toMatchObject({ kind: 'write', classified: false, singleKey: true });
    expect(table.byName('bf.add')?.mirroring.class).toBe('copy');
    expect(table.byName('bf.exists')).toMatchObject({ kind: 'read', miss: 'never' });
    expect(table.byName('bf.odd')).toMatchObject({ kind: 'write' });
    expect(table.byName('bf.moving')).toMatchObject({ kind: 'write', movable: true, singleKey: false });
    expect(table.byName('bf.peek')).toMatchObject({ kind: 'server' });
    expect(table.byName('bf.config')).toMatchObject({ kind: 'refused' });
    expect(table.byName('bf.wait')).toMatchObject({ kind: 'unsupported' });
  });

  it('cannot tell the keys of an unknown write that has no positions, or moving ones', () => {
    for (const line of ['bf.odd k', 'bf.moving k']) {
      const { frame, argc, starts, ends } = frameOf(words(line));
      const command = table.lookup(frame, argc, starts, ends) as Command;
      expect(findKeys(command, frame, argc, starts, ends, new KeyList()), line).toBe(false);
    }
  });

  it('knows what the mirror has only after its COMMAND', () => {
    expect(table.byName('set')?.onMirror).toBe(false);
    table.setMirror(commandReply([['set', -3, ['write'], 1, 1, 1]]));
    expect(table.byName('set')?.onMirror).toBe(true);
    expect(table.byName('bf.add')?.onMirror).toBe(false);
  });

  it('takes the subcommands of an old server, which does not list them, to exist', () => {
    const old = commandReply([['xgroup', -2, ['write'], 2, 2, 1]]);
    const oldTable = CommandTable.fromServer(old);
    oldTable.setMirror(old);
    expect(lookup(oldTable, 'xgroup create k g 0')).toMatchObject({ exists: true, onMirror: true, arity: -5 });
    expect(lookup(oldTable, 'function load x')).toMatchObject({ exists: false, onMirror: false });
  });

  it('finds renamed commands under their new names', () => {
    const renamed = CommandTable.fromServer(reply, { aliases: new Map([['s3t', 'SET']]) });
    expect(lookup(renamed, 'S3T k v')?.name).toBe('set');
    expect(() => CommandTable.fromServer(reply, { aliases: new Map([['x', 'nothing']]) })).toThrow('nothing');
  });

  it('refuses a reply that is none', () => {
    expect(() => CommandTable.fromServer(null)).toThrow();
    expect(() => CommandTable.fromServer([[Buffer.from('get')]])).toThrow();
  });
});
