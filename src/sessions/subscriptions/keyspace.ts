/**
 * Keyspace events: of a Cluster each node tells its own, while an ordinary message reaches every node.
 * A Cluster has database 0 only. https://redis.io/docs/manual/keyspace-notifications
 */
const PREFIXES = ['__keyspace@0__:', '__keyevent@0__:'];

export function isKeyspaceChannel(channel: string): boolean {
  return PREFIXES.some((prefix) => channel.startsWith(prefix));
}

/** Can the pattern match such a channel? True in doubt: what is heard is looked at again. */
export function mayMatchKeyspace(pattern: string): boolean {
  return PREFIXES.some((prefix) => mayMatchFrom(pattern, prefix));
}

/** Redis' patterns: `*`, `?`, `[…]`, and `\` before a character that stands for itself. */
function mayMatchFrom(pattern: string, prefix: string): boolean {
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
