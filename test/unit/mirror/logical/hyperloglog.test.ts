import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hyperLogLogRegisters, looksLikeHyperLogLog } from '../../../../src/mirror/logical/hyperloglog.js';

const REGISTERS = 16384;

function header(encoding: number): Buffer {
  return Buffer.concat([Buffer.from('HYLL'), Buffer.from([encoding, 0, 0, 0]), Buffer.alloc(8, 0x80)]);
}

/** As Redis' HLL_DENSE_SET_REGISTER writes them. */
function dense(registers: Uint8Array): Buffer {
  const packed = Buffer.alloc((REGISTERS * 6) / 8);
  registers.forEach((value, i) => {
    const byte = (i * 6) >> 3;
    const shift = (i * 6) & 7;
    packed[byte] |= (value << shift) & 0xff;
    if (shift > 2) packed[byte + 1] |= value >> (8 - shift);
  });
  return Buffer.concat([header(0), packed]);
}

/** Runs of equal registers as the sparse opcodes; every value at most 32. */
function sparse(registers: Uint8Array): Buffer {
  const opcodes: number[] = [];
  for (let i = 0; i < REGISTERS; ) {
    let run = 1;
    const longest = registers[i] === 0 ? 16384 : 4;
    while (i + run < REGISTERS && run < longest && registers[i + run] === registers[i]) run++;
    if (registers[i] > 0) opcodes.push(0x80 | ((registers[i] - 1) << 2) | (run - 1));
    else if (run <= 64) opcodes.push(run - 1);
    else opcodes.push(0x40 | ((run - 1) >> 8), (run - 1) & 0xff);
    i += run;
  }
  return Buffer.concat([header(1), Buffer.from(opcodes)]);
}

const filled = (max: number) =>
  fc.array(fc.tuple(fc.nat(REGISTERS - 1), fc.nat(max)), { maxLength: 300 }).map((pairs) => {
    const registers = new Uint8Array(REGISTERS);
    for (const [register, value] of pairs) registers[register] = value;
    return registers;
  });

describe('registers', () => {
  it('of the dense form', () => {
    fc.assert(
      fc.property(filled(63), (registers) => {
        expect(hyperLogLogRegisters(dense(registers))).toEqual(registers);
      }),
      { numRuns: 20 },
    );
  });

  it('of the sparse form', () => {
    fc.assert(
      fc.property(filled(32), (registers) => {
        expect(hyperLogLogRegisters(sparse(registers))).toEqual(registers);
      }),
      { numRuns: 20 },
    );
  });
});

describe('what is no HyperLogLog', () => {
  const empty = sparse(new Uint8Array(REGISTERS));
  it.each([
    ['another word', Buffer.from('HYLX'.padEnd(20))],
    ['shorter than its header', Buffer.from('HYLL')],
    ['an unknown encoding', Buffer.concat([header(2), empty.subarray(16)])],
    ['a dense form of another length', dense(new Uint8Array(REGISTERS)).subarray(0, 12_303)],
    ['too few registers', Buffer.concat([header(1), Buffer.from([0x40, 0])])],
    ['too many registers', Buffer.concat([empty, Buffer.from([0])])],
    ['half an opcode', Buffer.concat([header(1), Buffer.from([0x7f])])],
  ])('%s', (_, value) => {
    expect(hyperLogLogRegisters(value)).toBeNull();
  });

  it('is told from one by its first four bytes', () => {
    expect(looksLikeHyperLogLog(Buffer.from('HYLL'))).toBe(true);
    expect(looksLikeHyperLogLog(Buffer.from('HYL'))).toBe(false);
  });
});
