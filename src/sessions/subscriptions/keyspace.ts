/**
 * Keyspace events: of a Cluster each node tells its own, while an ordinary message reaches every node.
 * A Cluster has database 0 only. https://redis.io/docs/manual/keyspace-notifications
 */
import { mayMatchFrom } from '../patterns.js';

const PREFIXES = ['__keyspace@0__:', '__keyevent@0__:'];

export function isKeyspaceChannel(channel: string): boolean {
  return PREFIXES.some((prefix) => channel.startsWith(prefix));
}

/** Can the pattern match such a channel? True in doubt: what is heard is looked at again. */
export function mayMatchKeyspace(pattern: string): boolean {
  return PREFIXES.some((prefix) => mayMatchFrom(pattern, prefix));
}

/** Could events of keys come on any of these channels or patterns, of whatever database? */
export function mayHearEvents(channels: Iterable<string>, patterns: Iterable<string>): boolean {
  for (const channel of channels) if (/^__key(space|event)@/.test(channel)) return true;
  for (const pattern of patterns) if (mayMatchFrom(pattern, '__key')) return true;
  return false;
}
