import { describe, expect, it } from 'vitest';
import { ReplicationHistory } from '../../../src/topology/replication.js';

const OLD = 'a'.repeat(40);
const NEW = 'b'.repeat(40);

function master(replId: string, offset: number): string {
  return [
    '# Replication',
    'role:master',
    `master_replid:${replId}`,
    `master_replid2:${'0'.repeat(40)}`,
    `master_repl_offset:${offset}`,
    'second_repl_offset:-1',
    '',
  ].join('\r\n');
}

/** A replica that was promoted when it had everything below `upTo`. */
function promoted(upTo: number): string {
  return master(NEW, upTo + 10)
    .replace(`master_replid2:${'0'.repeat(40)}`, `master_replid2:${OLD}`)
    .replace('second_repl_offset:-1', `second_repl_offset:${upTo + 1}`);
}

/** A master whose offset was 100 at 1000 ms, 200 at 2000, 300 at 3000. */
function history(): ReplicationHistory {
  const seen = new ReplicationHistory();
  for (const n of [1, 2, 3]) seen.saw(master(OLD, n * 100), n * 1000);
  return seen;
}

function successor(info: string): ReplicationHistory {
  const seen = new ReplicationHistory();
  seen.saw(info, 4000);
  return seen;
}

describe('a promoted replica', () => {
  it.each([
    [300, 3000],
    [299, 2000],
    [200, 2000],
    [100, 1000],
    [1000, 3000],
  ])('that has everything up to offset %d has what was answered before %d ms', (upTo, untilMs) => {
    expect(successor(promoted(upTo)).continuesUntil(history())).toBe(untilMs);
  });

  it('that lacks all that was seen is no use', () => {
    expect(successor(promoted(99)).continuesUntil(history())).toBeNull();
  });
});

describe('nobody can tell', () => {
  it('of another stream', () => {
    expect(successor(master(NEW, 500)).continuesUntil(history())).toBeNull();
  });
  it('of a predecessor that was never seen', () => {
    expect(successor(promoted(300)).continuesUntil(new ReplicationHistory())).toBeNull();
  });
  it('while the new one still replicates the same stream', () => {
    const replica = successor(master(OLD, 300).replace('role:master', 'role:slave'));
    expect(replica.continuesUntil(history())).toBeNull();
  });
  it('of an INFO without replication', () => {
    const seen = new ReplicationHistory();
    seen.saw('# Server\r\nredis_version:7.0.15\r\n', 1);
    expect(seen.replId).toBe('');
  });
});

describe('what is kept', () => {
  it('nothing of a stream that is over', () => {
    const seen = history();
    seen.saw(master('c'.repeat(40), 400), 3500);
    expect(successor(promoted(300)).continuesUntil(seen)).toBeNull();
  });

  it('of an offset that stands still the last moment', () => {
    const seen = history();
    seen.saw(master(OLD, 300), 60_000);
    expect(successor(promoted(300)).continuesUntil(seen)).toBe(60_000);
    expect(successor(promoted(299)).continuesUntil(seen)).toBe(2000);
  });

  it('of looks that are close together the first', () => {
    const seen = new ReplicationHistory();
    seen.saw(master(OLD, 100), 1000);
    seen.saw(master(OLD, 150), 1010);
    expect(successor(promoted(120)).continuesUntil(seen)).toBe(1000);
  });

  it('nothing that a replica says: what it had as a master is the question', () => {
    const seen = new ReplicationHistory();
    seen.saw(master(OLD, 100).replace('role:master', 'role:slave'), 1000);
    expect(seen.replId).toBe('');
    seen.saw(master(OLD, 100), 2000);
    seen.saw(master(NEW, 200).replace('role:master', 'role:slave'), 3000);
    expect(successor(promoted(300)).continuesUntil(seen)).toBe(2000);
  });

  it('the last 600 moments', () => {
    const seen = new ReplicationHistory();
    for (let i = 1; i <= 700; i++) seen.saw(master(OLD, i), i * 100);
    expect(successor(promoted(100)).continuesUntil(seen)).toBeNull();
    expect(successor(promoted(101)).continuesUntil(seen)).toBe(10_100);
  });
});
