/**
 * HyperLogLogs: the 16,384 registers behind a string that starts with "HYLL" (Redis' hyperloglog.c).
 *
 *     "HYLL" | encoding: 0 dense, 1 sparse | 3 unused bytes | 8 bytes of cached cardinality | registers
 *
 * Two strings with the same registers are the same HyperLogLog: PFCOUNT writes the cached cardinality, and one
 * server may keep the sparse form where the other has gone over to the dense one. Two with equal cardinality and
 * unequal registers are different: they will count differently after the next PFADD or PFMERGE.
 */
const REGISTERS = 16384;
const REGISTER_BITS = 6;
const REGISTER_MAX = 63;
const HEADER_BYTES = 16;
const DENSE_BYTES = HEADER_BYTES + (REGISTERS * REGISTER_BITS) / 8;
const ENCODING_OFFSET = 4;
const DENSE = 0;
const SPARSE = 1;

/** No valid HyperLogLog is longer: the worst sparse form has one opcode byte per register. */
export const HYPERLOGLOG_MAX_BYTES = HEADER_BYTES + REGISTERS;

export function looksLikeHyperLogLog(value: Buffer): boolean {
  return value.length >= 4 && value.toString('latin1', 0, 4) === 'HYLL';
}

/** The registers, or null if these bytes are no well-formed HyperLogLog (an application's string may say HYLL too). */
export function hyperLogLogRegisters(value: Buffer): Uint8Array | null {
  if (!looksLikeHyperLogLog(value) || value.length < HEADER_BYTES) return null;
  if (value[ENCODING_OFFSET] === DENSE) return value.length === DENSE_BYTES ? denseRegisters(value) : null;
  return value[ENCODING_OFFSET] === SPARSE ? sparseRegisters(value) : null;
}

/** 6 bits each, packed from the least significant bit of the first byte upwards. */
function denseRegisters(value: Buffer): Uint8Array {
  const registers = new Uint8Array(REGISTERS);
  for (let i = 0; i < REGISTERS; i++) {
    const bit = i * REGISTER_BITS;
    const at = HEADER_BYTES + (bit >> 3);
    const next = at + 1 < value.length ? value[at + 1] : 0;
    registers[i] = ((value[at] | (next << 8)) >> (bit & 7)) & REGISTER_MAX;
  }
  return registers;
}

/**
 * 00xxxxxx             xxxxxx + 1 registers of 0
 * 01xxxxxx yyyyyyyy    xxxxxxyyyyyyyy + 1 registers of 0
 * 1vvvvvxx             xx + 1 registers of vvvvv + 1
 */
function sparseRegisters(value: Buffer): Uint8Array | null {
  const registers = new Uint8Array(REGISTERS);
  let register = 0;
  let at = HEADER_BYTES;
  while (at < value.length) {
    const opcode = value[at++];
    let run: number;
    let count = 0;
    if ((opcode & 0x80) !== 0) {
      run = (opcode & 0x3) + 1;
      count = ((opcode >> 2) & 0x1f) + 1;
    } else if ((opcode & 0x40) !== 0) {
      if (at === value.length) return null;
      run = (((opcode & 0x3f) << 8) | value[at++]) + 1;
    } else {
      run = (opcode & 0x3f) + 1;
    }
    if (register + run > REGISTERS) return null;
    registers.fill(count, register, register + run);
    register += run;
  }
  return register === REGISTERS ? registers : null;
}
