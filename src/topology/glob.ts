/**
 * Redis' glob-style patterns over bytes, as `KEYS` and `SCAN MATCH` understand them: `*` `?` `[a-z]` `[^ab]` `\x`. Pure.
 * https://redis.io/commands/keys
 *
 * What is left open is read as Redis reads it: a class without its `]` ends with the pattern, and a `\` at the very end
 * stands for itself. The ends of a range are bytes without a sign (a server's compiler decides that for it). A star is gone back to only when a later one has not matched yet, so the time is at most the product
 * of the two lengths.
 */
const STAR = 0x2a;
const QUESTION = 0x3f;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const BACKSLASH = 0x5c;
const CARET = 0x5e;
const DASH = 0x2d;

/** Does buf[start, end) match the whole pattern? */
export function matchesGlob(pattern: Uint8Array, buf: Uint8Array, start: number, end: number): boolean {
  let p = 0;
  let at = start;
  /** Where to go on when what follows the last star does not match: one byte further in the text. */
  let starPattern = -1;
  let starText = 0;
  while (at < end) {
    if (p < pattern.length && pattern[p] === STAR) {
      starPattern = ++p;
      starText = at;
      continue;
    }
    if (p < pattern.length) {
      const next = matchOne(pattern, p, buf[at]!);
      if (next > 0) {
        p = next;
        at++;
        continue;
      }
    }
    if (starPattern < 0) return false;
    p = starPattern;
    at = ++starText;
  }
  while (p < pattern.length && pattern[p] === STAR) p++;
  return p === pattern.length;
}

/** The place in the pattern behind what matched the byte, 0 when it does not match. */
function matchOne(pattern: Uint8Array, p: number, byte: number): number {
  switch (pattern[p]) {
    case QUESTION:
      return p + 1;
    case OPEN:
      return matchClass(pattern, p + 1, byte);
    case BACKSLASH: {
      const literal = p + 1 < pattern.length ? p + 1 : p;
      return pattern[literal] === byte ? literal + 1 : 0;
    }
    default:
      return pattern[p] === byte ? p + 1 : 0;
  }
}

function matchClass(pattern: Uint8Array, start: number, byte: number): number {
  let p = start;
  const isNegated = pattern[p] === CARET;
  if (isNegated) p++;
  let isIn = false;
  for (; p < pattern.length && pattern[p] !== CLOSE; p++) {
    if (pattern[p] === BACKSLASH && p + 1 < pattern.length) {
      p++;
      if (pattern[p] === byte) isIn = true;
    } else if (p + 2 < pattern.length && pattern[p + 1] === DASH) {
      const low = Math.min(pattern[p]!, pattern[p + 2]!);
      const high = Math.max(pattern[p]!, pattern[p + 2]!);
      if (byte >= low && byte <= high) isIn = true;
      p += 2;
    } else if (pattern[p] === byte) isIn = true;
  }
  return isIn === isNegated ? 0 : Math.min(p + 1, pattern.length);
}
