/** Redis' patterns: `*`, `?`, `[…]`, and `\` before a character that stands for itself. */

/** Can the pattern match something that begins with `prefix`? True in doubt: what is found is looked at again. */
export function mayMatchFrom(pattern: string, prefix: string): boolean {
  let p = 0;
  for (const wanted of prefix) {
    if (p >= pattern.length || pattern[p] === '*') return p < pattern.length;
    if (pattern[p] === '[') {
      const end = pattern.indexOf(']', p + 1);
      p = end < 0 ? pattern.length : end + 1;
      continue;
    }
    if (pattern[p] === '\\' && p + 1 < pattern.length) p++;
    else if (pattern[p] === '?') {
      p++;
      continue;
    }
    if (pattern[p] !== wanted) return false;
    p++;
  }
  return true;
}
