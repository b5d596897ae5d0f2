/**
 * The registers of a HyperLogLog string. Two of them are the same value when their registers are: the header caches a
 * count that PFCOUNT rewrites, and the sparse and dense encodings may differ for the same registers.
 * Layout: hyperloglog.c of Redis ("HYLL", encoding byte, 3 unused, 8 bytes of cached count, registers).
 */
const HEADER_BYTES = 16;
const REGISTERS = 16384;
const DENSE_BYTES = (REGISTERS * 6) / 8;

export function isHyperLogLog(value: Buffer): boolean {
  if (value.length < HEADER_BYTES || value.toString('latin1', 0, 4) !== 'HYLL') return false;
  return value[4] === 1 || (value[4] === 0 && value.length === HEADER_BYTES + DENSE_BYTES);
}

/** "index:value" of every register that is not 0. */
export function registersOf(value: Buffer): string {
  return (value[4] === 0 ? dense(value) : sparse(value)).join(' ');
}

function dense(value: Buffer): string[] {
  const out: string[] = [];
  for (let i = 0; i < REGISTERS; i++) {
    const bit = i * 6;
    const at = HEADER_BYTES + (bit >> 3);
    // A register of 6 bits may lie over two bytes; the last one ends with the string.
    const two = (value[at] ?? 0) | ((value[at + 1] ?? 0) << 8);
    const register = (two >> (bit & 7)) & 63;
    if (register !== 0) out.push(`${i}:${register}`);
  }
  return out;
}

/** Opcodes: 00llllll zeros of 1–64, 01llllll llllllll zeros of 1–16384, 1vvvvvll value 1–32 for 1–4 registers. */
function sparse(value: Buffer): string[] {
  const out: string[] = [];
  let register = 0;
  for (let i = HEADER_BYTES; i < value.length; i++) {
    const op = value[i] ?? 0;
    if ((op & 0x80) !== 0) {
      const run = (op & 3) + 1;
      for (let n = 0; n < run; n++) out.push(`${register++}:${((op >> 2) & 31) + 1}`);
    } else if ((op & 0x40) !== 0) {
      register += (((op & 63) << 8) | (value[++i] ?? 0)) + 1;
    } else {
      register += (op & 63) + 1;
    }
  }
  return out;
}
