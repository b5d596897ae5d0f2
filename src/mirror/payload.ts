/**
 * What must be known of a DUMP payload without reading it: its type, which is its first byte.
 * https://github.com/redis/redis/blob/unstable/src/rdb.h
 */

/** Of RDB types, the first that did not exist in Redis 7.0. */
const FIRST_NEW_TYPE = 22;
/** The stream types of Redis 5.0, 7.0 and 7.2. */
const STREAM_TYPES = [15, 19, 21];

/**
 * `type`: the payload's first byte. May it hold moments of its server's clock: deliveries of a stream, deadlines of a hash's fields (Redis 7.4)? RESTORE takes
 * them as they are, which is wrong by as much as the two clocks are apart. Unknown types may.
 */
export function mayHoldMoments(type: number): boolean {
  return type >= FIRST_NEW_TYPE || STREAM_TYPES.includes(type);
}
