/**
 * INFO of a standalone server, as that of a Cluster's node: clients look there whether they speak to one.
 * https://redis.io/commands/info
 */
import { editText } from '../info-section.js';

/** The server's reply with `redis_mode:cluster` and `cluster_enabled:1` where it has these fields. */
export function withClusterFields(reply: Buffer): Buffer {
  return editText(reply, (text) =>
    Buffer.from(
      text
        .toString('latin1')
        .replace(/^redis_mode:standalone$/m, 'redis_mode:cluster')
        .replace(/^cluster_enabled:0$/m, 'cluster_enabled:1'),
      'latin1',
    ),
  );
}
