/**
 * The commands that wait for data: where their timeout stands, and which of them compete for the same elements.
 *
 * Ferry never lets a server wait. What it needs to know of such a command is how long its client is ready to wait (the
 * server has checked the text before), and how to say it with the shortest wait for users who may not use MULTI.
 */
import { findStreamOption, hasBlockOption } from './keys.js';

/** The type that a key must have to wake it. */
export type WaitedType = 'list' | 'zset' | 'stream';

/** An argument index, counted from the end when negative; seconds, or ms for a stream. */
interface Rule {
  readonly timeoutAt: number;
  readonly kind: WaitedType;
}

const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['blpop', { timeoutAt: -1, kind: 'list' }],
  ['brpop', { timeoutAt: -1, kind: 'list' }],
  ['blmove', { timeoutAt: -1, kind: 'list' }],
  ['brpoplpush', { timeoutAt: -1, kind: 'list' }],
  ['blmpop', { timeoutAt: 1, kind: 'list' }],
  ['bzpopmin', { timeoutAt: -1, kind: 'zset' }],
  ['bzpopmax', { timeoutAt: -1, kind: 'zset' }],
  ['bzmpop', { timeoutAt: 1, kind: 'zset' }],
  ['xread', { timeoutAt: 0, kind: 'stream' }],
  ['xreadgroup', { timeoutAt: 0, kind: 'stream' }],
]);

export const BLOCKING_COMMANDS: ReadonlySet<string> = new Set(RULES.keys());

export interface BlockingArguments {
  /** The argument that is the timeout. */
  readonly timeoutAt: number;
  readonly timeoutMs: number;
  readonly kind: WaitedType;
}

/** Of one command as it was sent; null when these arguments do not make it wait. A timeout that is none gives NaN. */
export function blockingArguments(
  name: string,
  frame: Buffer,
  argc: number,
  starts: Int32Array,
  ends: Int32Array,
): BlockingArguments | null {
  const { timeoutAt, kind } = RULES.get(name)!;
  let at = timeoutAt < 0 ? argc + timeoutAt : timeoutAt;
  if (kind === 'stream') {
    at = findStreamOption(frame, argc, starts, ends, BLOCK) + 1;
    if (at <= 0 || at >= argc) {
      // options that Ferry does not know: whatever the server makes of them, it must not wait
      return hasBlockOption(frame, argc, starts, ends) ? { timeoutAt: 0, timeoutMs: Number.NaN, kind } : null;
    }
  }
  const text = frame.toString('latin1', starts[at]!, ends[at]!);
  const timeoutMs = kind === 'stream' ? milliseconds(text) : seconds(text) * 1000;
  return { timeoutAt: at, timeoutMs, kind };
}

const BLOCK = Buffer.from('BLOCK');

function milliseconds(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : Number.NaN;
}

/** As the server's strtold reads it: decimal, with an exponent, or hexadecimal. */
function seconds(text: string): number {
  const hexadecimal = /^\+?0x([0-9a-f]*)\.?([0-9a-f]*)(?:p([+-]?\d+))?$/i.exec(text);
  if (hexadecimal !== null) {
    const [, whole = '', fraction = '', exponent = '0'] = hexadecimal;
    return Number.parseInt(`${whole}${fraction}` || 'x', 16) * 2 ** (Number(exponent) - 4 * fraction.length);
  }
  return /^\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
}
