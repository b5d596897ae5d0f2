/**
 * What went over the lanes of one side since the process began: plain sums, added to once per flush and once per chunk
 * read, so that a command costs nothing.
 *
 * Bytes are those of the protocol; TLS adds its own. The control connections (server-node.ts) are not counted: a few
 * questions a second.
 */
export class Traffic {
  /** Commands that were handed to connections: those of clients, of the mirror and of jobs. */
  commands = 0;
  /** To the servers. */
  bytesOut = 0;
  /** From the servers. */
  bytesIn = 0;
  /** Told of each chunk from the servers, when its replies have been handed on. */
  onIn: (bytes: number) => void = () => {};
}
