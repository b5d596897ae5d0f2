/** The checker itself: it accepts what a linearizable object can do and finds what it cannot. */
import { describe, expect, it } from 'vitest';
import { checkHistory, type Operation } from './checker.js';
import { type Call, redisModel, type State } from './model.js';
import { ErrorReply, type Reply } from './resp.js';
import { FAULTS, simulate } from './simulate.js';

const EMPTY: State = new Map();

/** 'session from-to COMMAND args' and its reply; a `to` of … is an unknown outcome */
function operation(text: string, reply?: Reply): Operation<Call, Reply> {
  const [session, times, ...args] = text.split(' ');
  const [from, to] = times!.split('-');
  const repliedAt = to === '…' ? Infinity : Number(to);
  return { session: Number(session), invokedAt: Number(from), repliedAt, call: { kind: 'command', args }, reply };
}

function verdict(...operations: Operation<Call, Reply>[]): string {
  return checkHistory(redisModel, EMPTY, operations).kind;
}

function observed(at: number, key: string, text: string): Operation<Call, Reply> {
  const state: State = new Map([[key, { kind: 'string', text, ttl: false }]]);
  return { session: -1, invokedAt: at, repliedAt: at + 1, call: { kind: 'observed', state }, reply: 'observed' };
}

describe('histories that are linearizable', () => {
  it('one client after another', () => {
    expect(verdict(operation('1 1-2 SET k a', 'OK'), operation('2 3-4 GET k', 'a'))).toBe('linearizable');
  });

  it('concurrent operations in either order', () => {
    for (const seen of ['a', 'b']) {
      const writes = [operation('1 1-10 SET k a', 'OK'), operation('2 2-9 SET k b', 'OK')];
      expect(verdict(...writes, operation('3 11-12 GET k', seen))).toBe('linearizable');
    }
  });

  it('a read concurrent with a write, of the value before or after it', () => {
    const write = operation('1 5-10 SET k a', 'OK');
    expect(verdict(write, operation('2 6-7 GET k', 'a'))).toBe('linearizable');
    expect(verdict(write, operation('2 6-7 GET k', null))).toBe('linearizable');
  });

  it('a lost connection: the write took effect, later or not at all', () => {
    const unknown = operation('1 1-… SET k a');
    expect(verdict(unknown, operation('2 3-4 GET k', null), operation('2 5-6 GET k', 'a'))).toBe('linearizable');
    expect(verdict(unknown, operation('2 3-4 GET k', null), operation('2 9-10 GET k', null))).toBe('linearizable');
  });

  it('an effect that two idle-looking commands share', () => {
    // the second FLUSHALL changes nothing where it may first come, and everything where it did come
    const flushes = [operation('1 1-2 FLUSHALL', 'OK'), operation('1 3-9 FLUSHALL', 'OK')];
    const [set, read] = [operation('2 4-5 SET k a', 'OK'), operation('2 10-11 GET k', null)];
    expect(verdict(...flushes, set, read)).toBe('linearizable');
  });

  it('any element for SPOP, and each only once', () => {
    const add = operation('1 1-2 SADD u x y', 2);
    expect(verdict(add, operation('1 3-4 SPOP u', 'y'), operation('1 5-6 SPOP u', 'x'))).toBe('linearizable');
    expect(verdict(add, operation('1 3-4 SPOP u', 'y'), operation('1 5-6 SPOP u', 'y'))).toBe('violation');
  });

  it('a script that wrote before it failed', () => {
    const call: Call = {
      kind: 'command',
      args: ['EVAL', "redis.call('APPEND', KEYS[1], ARGV[1]) error('raised after its write')", '1', 'k', 'a'],
    };
    const failed = { session: 1, invokedAt: 1, repliedAt: 2, call, reply: new ErrorReply('ERR raised') };
    expect(verdict(failed, operation('2 3-4 GET k', 'a'))).toBe('linearizable');
    expect(verdict(failed, operation('2 3-4 GET k', null))).toBe('violation');
  });
});

describe('planted violations', () => {
  it('a stale read', () => {
    const writes = [operation('1 1-2 SET k a', 'OK'), operation('1 3-4 SET k b', 'OK')];
    expect(verdict(...writes, operation('2 5-6 GET k', 'a'))).toBe('violation');
  });

  it('reads that run backwards', () => {
    const write = operation('1 1-20 SET k a', 'OK');
    expect(verdict(write, operation('2 2-3 GET k', 'a'), operation('2 4-5 GET k', null))).toBe('violation');
    expect(verdict(write, operation('2 2-3 GET k', 'a'), operation('3 4-5 GET k', null))).toBe('violation');
    // pipelined, so that only the session's order tells
    expect(verdict(write, operation('2 2-7 GET k', 'a'), operation('2 2-8 GET k', null))).toBe('violation');
    expect(verdict(write, operation('2 2-7 GET k', 'a'), operation('3 2-8 GET k', null))).toBe('linearizable');
  });

  it('a lost acknowledged write', () => {
    const writes = [operation('1 1-2 SET k a', 'OK'), operation('2 3-4 SET k b', 'OK')];
    expect(verdict(...writes, observed(9, 'k', 'b'))).toBe('linearizable');
    expect(verdict(...writes, observed(9, 'k', 'a'))).toBe('violation');
  });

  it('a reordered pipeline', () => {
    const pipeline = [operation('1 1-8 APPEND k a', 1), operation('1 1-9 APPEND k b', 2)];
    expect(verdict(...pipeline, observed(10, 'k', 'ab'))).toBe('linearizable');
    expect(verdict(...pipeline, observed(10, 'k', 'ba'))).toBe('violation');
  });

  it('a read that passed its own write', () => {
    expect(verdict(operation('1 1-5 SET k a', 'OK'), operation('1 1-6 GET k', null))).toBe('violation');
  });

  it('a duplicated effect', () => {
    expect(verdict(operation('1 1-2 INCR k', 1), observed(9, 'k', '2'))).toBe('violation');
    // of unknown outcome is once or never, not twice
    expect(verdict(operation('1 1-… INCR k'), observed(9, 'k', '1'))).toBe('linearizable');
    expect(verdict(operation('1 1-… INCR k'), observed(9, 'k', '2'))).toBe('violation');
  });

  it('an effect of a refused command', () => {
    const refused: Operation<Call, Reply> = {
      ...operation('1 1-2 SET k a', new ErrorReply('NOPERM no')),
      call: { kind: 'denied', args: ['SET', 'k', 'a'] },
    };
    expect(verdict(refused, operation('2 3-4 GET k', null))).toBe('linearizable');
    expect(verdict(refused, operation('2 3-4 GET k', 'a'))).toBe('violation');
  });

  it('an unknown write without the one that the session sent before it', () => {
    const lost = [operation('1 1-… APPEND k a'), operation('1 1-… APPEND k b')];
    expect(verdict(...lost, observed(9, 'k', 'ab'))).toBe('linearizable');
    expect(verdict(...lost, observed(9, 'k', 'a'))).toBe('linearizable');
    expect(verdict(...lost, observed(9, 'k', 'b'))).toBe('violation');
  });

  it('half a transaction seen', () => {
    const calls = [
      ['SET', 'k', 'a'],
      ['SET', 'l', 'b'],
    ];
    const exec: Operation<Call, Reply> = {
      session: 1,
      invokedAt: 1,
      repliedAt: 9,
      call: { kind: 'exec', calls },
      reply: ['OK', 'OK'],
    };
    expect(verdict(exec, operation('2 2-8 MGET k l', ['a', 'b']))).toBe('linearizable');
    expect(verdict(exec, operation('2 2-8 MGET k l', ['a', null]))).toBe('violation');
  });

  it('says how far it came', () => {
    const found = checkHistory(redisModel, EMPTY, [operation('1 1-2 SET k a', 'OK'), operation('2 5-6 GET k', 'b')]);
    expect(found.kind).toBe('violation');
    if (found.kind !== 'violation') return;
    expect(found.furthest.order.map((done) => done.session)).toEqual([1]);
    expect(found.furthest.stuck.map((stuck) => stuck.session)).toEqual([2]);
  });

  it('gives no verdict rather than a wrong one when the search is given up', () => {
    const writes = Array.from({ length: 6 }, (_, i) => operation(`${i} 1-9 APPEND k ${i}`, i + 1));
    expect(checkHistory(redisModel, EMPTY, [...writes, observed(10, 'k', 'never')], 3).kind).toBe('too-hard');
  });
});

describe('random histories of a simulated Redis', () => {
  const SEEDS = 100;
  const PATIENCE = 3_000_000;

  it('are accepted', () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { first, operations } = simulate(seed, null);
      // no verdict is no answer here: these histories are right, so the search may take its time
      const { kind } = checkHistory(redisModel, first, operations, PATIENCE);
      expect({ seed, kind }).toEqual({ seed, kind: 'linearizable' });
    }
  });

  // A fault may hide: overwritten before anybody looked, or explained by another order of concurrent commands.
  for (const fault of FAULTS) {
    it(`with a planted ${fault} are mostly rejected`, () => {
      let planted = 0;
      let rejected = 0;
      for (let seed = 1; seed <= SEEDS; seed++) {
        const simulated = simulate(seed, fault);
        if (!simulated.planted) continue;
        planted++;
        if (checkHistory(redisModel, simulated.first, simulated.operations).kind === 'violation') rejected++;
      }
      expect(planted).toBeGreaterThan(SEEDS / 3);
      expect(rejected / planted).toBeGreaterThan(0.5);
    });
  }
});
