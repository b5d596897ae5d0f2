/** Up to here a loop is faster than Buffer.copy, which makes a view of the source each time. */
const LOOP_BYTES = 24;

/** Copies buf[start, end) to `at`; the offset behind it. There must be room. */
export function copyBytes(target: Buffer, at: number, buf: Buffer, start: number, end: number): number {
  let to = at;
  if (end - start < LOOP_BYTES) for (let i = start; i < end; i++) target[to++] = buf[i]!;
  else to += buf.copy(target, at, start, end);
  return to;
}
