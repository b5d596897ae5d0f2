/** The keys that Ferry itself makes on a server: staging, probes, the lease. Never mirrored, compared or shown. */
export const OWN_PREFIX = '__ferry:';
const PREFIX = Buffer.from(OWN_PREFIX);

export const STAGING_PREFIX = '__ferry:staging:';
export const PROBE_PREFIX = '__ferry:probe:';

export function isOwnKey(key: Buffer): boolean {
  return key.length > PREFIX.length && key.compare(PREFIX, 0, PREFIX.length, 0, PREFIX.length) === 0;
}
