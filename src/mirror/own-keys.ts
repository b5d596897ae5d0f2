/** The keys that Ferry itself makes on a server: staging, probes. Never mirrored, compared or shown. */
const PREFIX = Buffer.from('__ferry:');

export const STAGING_PREFIX = '__ferry:staging:';
export const PROBE_PREFIX = '__ferry:probe:';

export function isOwnKey(key: Buffer): boolean {
  return key.length > PREFIX.length && key.compare(PREFIX, 0, PREFIX.length, 0, PREFIX.length) === 0;
}
