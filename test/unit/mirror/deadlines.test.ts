/** Ways to diverge 28: which moment a relative deadline becomes, on whose clock. */
import { describe, expect, it } from 'vitest';
import { CommandTable } from '../../../src/commands/table.js';
import type { Upstream } from '../../../src/lanes/upstream.js';
import { CLOCK_TOLERANCE_MS, MirrorClock } from '../../../src/mirror/clock.js';
import { type Args, Derivation, TTL_UNCHANGED } from '../../../src/mirror/derivation.js';
import { deriverOf } from '../../../src/mirror/derivers/index.js';
import { encodeCommand } from '../../../src/resp/encode.js';

const NOW_MS = 1_700_000_000_000;
const SHIFT_MS = 3_600_000;
const OK = '+OK\r\n';
const ONE = ':1\r\n';
const ZERO = ':0\r\n';
const NIL = '$-1\r\n';
const VALUE = '$1\r\nv\r\n';

/** What the mirror is sent for a command and its reply; `deadlineMs` as the ledger of known keys hears it. */
function derive(line: string, reply: string, shiftMs: number): { sent: string[]; deadlineMs: number } {
  const d = new Derivation();
  const sent: string[] = [];
  d.output = {
    send: (args: Args) => void sent.push(args.map(String).join(' ')),
    verbatim: () => void sent.push('verbatim'),
    copyKeys: () => void sent.push('copy'),
    copyKeyIn: () => void sent.push('copy'),
  };
  const frame = encodeCommand(line.split(' '));
  d.args.read(frame, 0, frame.length);
  d.reply = Buffer.from(reply, 'latin1');
  d.replyEnd = d.reply.length;
  d.nowMs = NOW_MS;
  d.shiftMs = shiftMs;
  const command = CommandTable.offline().byName(line.split(' ')[0]!.toLowerCase())!;
  deriverOf(command)!(d);
  return { sent, deadlineMs: d.deadlineMs };
}

/** [command, authority's reply, what the mirror gets, deadline in ms from now on the authority's clock]; % is that moment. */
const CASES: readonly (readonly [line: string, reply: string, sent: string, inMs: number])[] = [
  ['SET k v EX 10', OK, 'SET k v PXAT %', 10_000],
  ['SET k v px 10', OK, 'SET k v PXAT %', 10],
  ['SET k v EXAT 1700000100', OK, 'SET k v PXAT %', 100_000],
  ['SET k v PXAT 1700000100001', OK, 'SET k v PXAT %', 100_001],
  ['SET k v NX EX 10', OK, 'SET k v PXAT %', 10_000],
  ['SET k v EX 10 GET', VALUE, 'SET k v PXAT %', 10_000],
  ['SETEX k 10 v', OK, 'SET k v PXAT %', 10_000],
  ['PSETEX k 10 v', OK, 'SET k v PXAT %', 10],
  ['EXPIRE k 10', ONE, 'PEXPIREAT k %', 10_000],
  ['EXPIRE k 10 GT', ONE, 'PEXPIREAT k %', 10_000],
  ['PEXPIRE k 10', ONE, 'PEXPIREAT k %', 10],
  ['EXPIREAT k 1700000100', ONE, 'PEXPIREAT k %', 100_000],
  ['PEXPIREAT k 1700000100001', ONE, 'PEXPIREAT k %', 100_001],
  ['GETEX k EX 10', VALUE, 'PEXPIREAT k %', 10_000],
  ['GETEX k PX 10', VALUE, 'PEXPIREAT k %', 10],
  ['GETEX k EXAT 1700000100', VALUE, 'PEXPIREAT k %', 100_000],
  ['GETEX k PXAT 1700000100001', VALUE, 'PEXPIREAT k %', 100_001],
  ['RESTORE k 10 \0payload', OK, 'RESTORE k % \0payload REPLACE ABSTTL', 10],
  ['RESTORE k 1700000100001 \0payload ABSTTL IDLETIME 5', OK, 'RESTORE k % \0payload REPLACE ABSTTL', 100_001],
];

/** Nothing has a deadline here, or nothing happened. */
const WITHOUT: readonly (readonly [line: string, reply: string, sent: string[], deadlineMs: number])[] = [
  ['SET k v', OK, ['verbatim'], 0],
  ['SET k v XX', OK, ['SET k v'], 0],
  ['SET k v KEEPTTL', OK, ['SET k v KEEPTTL'], TTL_UNCHANGED],
  ['SET k v NX EX 10', NIL, [], TTL_UNCHANGED],
  ['SET k v XX EX 10 GET', NIL, [], TTL_UNCHANGED],
  ['EXPIRE k 10', ZERO, [], TTL_UNCHANGED],
  ['PEXPIREAT k 5', ZERO, [], TTL_UNCHANGED],
  ['GETEX k EX 10', NIL, [], TTL_UNCHANGED],
  ['GETEX k', VALUE, [], TTL_UNCHANGED],
  ['GETEX k PERSIST', VALUE, ['PERSIST k'], 0],
  ['RESTORE k 0 \0payload', OK, ['RESTORE k 0 \0payload REPLACE ABSTTL'], 0],
];

describe('ways to diverge 28: deadlines are derived on the clock of the authority', () => {
  it.each(CASES)('28: %s', (line, reply, sent, inMs) => {
    const at = NOW_MS + inMs;
    expect(derive(line, reply, 0)).toEqual({ sent: [sent.replace('%', String(at))], deadlineMs: at });
  });

  it.each(CASES)('28: %s, translated for a mirror whose clock is ahead or behind', (line, reply, sent, inMs) => {
    const at = NOW_MS + inMs;
    for (const shiftMs of [SHIFT_MS, -SHIFT_MS]) {
      const expected = [sent.replace('%', String(at + shiftMs))];
      expect(derive(line, reply, shiftMs)).toEqual({ sent: expected, deadlineMs: at });
    }
  });

  it.each([15, 19, 21, 22, 25])('28: RESTORE of type %d, which holds moments, is no matter of other bytes', (type) => {
    const line = `RESTORE k 0 ${String.fromCharCode(type)}payload`;
    expect(derive(line, OK, 0).sent).toEqual([expect.stringMatching('^RESTORE k 0 ')]);
    expect(derive(line, OK, SHIFT_MS).sent).toEqual(['copy']);
  });

  it.each(WITHOUT)('28: %s with the reply %j', (line, reply, sent, deadlineMs) => {
    expect(derive(line, reply, SHIFT_MS)).toEqual({ sent, deadlineMs });
  });
});

describe('MirrorClock', () => {
  const clock = (authorityOffsetMs: number, mirrorOffsetMs: number): MirrorClock =>
    new MirrorClock(
      { clockOffsetFor: () => authorityOffsetMs, nowMs: () => NOW_MS + authorityOffsetMs } as unknown as Upstream,
      { clockOffsetFor: () => mirrorOffsetMs, nowMs: () => NOW_MS + mirrorOffsetMs } as unknown as Upstream,
    );

  it("28: tells the authority's time, not ours and not the mirror's", () => {
    expect(clock(-5000, 7000).nowMs()).toBe(NOW_MS - 5000);
  });

  it('28: moves deadlines by what the mirror is ahead of the authority, wherever our own clock is', () => {
    expect(clock(0, SHIFT_MS).shiftMs()).toBe(SHIFT_MS);
    expect(clock(SHIFT_MS, 0).shiftMs()).toBe(-SHIFT_MS);
    expect(clock(1_000_000, 1_000_500.4).shiftMs()).toBe(500);
    expect(clock(SHIFT_MS, SHIFT_MS).shiftMs()).toBe(0);
  });

  it('28: takes a difference within the tolerance for the noise of sampling', () => {
    expect(clock(0, CLOCK_TOLERANCE_MS).shiftMs()).toBe(0);
    expect(clock(0, -CLOCK_TOLERANCE_MS).shiftMs()).toBe(0);
    expect(clock(0, CLOCK_TOLERANCE_MS + 1).shiftMs()).toBe(CLOCK_TOLERANCE_MS + 1);
  });
});
