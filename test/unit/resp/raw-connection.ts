/** Sends bytes to a real server as they are, and returns all it answered. */
import { connect } from 'node:net';

export interface Answer {
  /** latin1 */
  replies: string;
  /** The server closed the connection although we had not said that we are done. */
  closed: boolean;
}

/**
 * Sends all of `bytes` (latin1), then half-closes: the server answers what it read before it sees the end, so this is
 * over as soon as the server is done, and what it waits for in vain is simply not answered.
 */
export function answersOf(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const replies: Buffer[] = [];
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const done = (): void => resolve(Buffer.concat(replies).toString('latin1'));
    socket.on('data', (data) => replies.push(data));
    socket.on('end', done);
    // A server that closes with our bytes unread resets the connection; its error reply was read before.
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' || error.code === 'EPIPE' ? done() : reject(error),
    );
    socket.end(Buffer.from(bytes, 'latin1'));
  });
}

/** Sends `bytes` (latin1) and waits for the server to close, at most `patienceMs`. */
export function answerUntilClosed(port: number, bytes: string, patienceMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const replies: Buffer[] = [];
    const socket = connect({ port, host: '127.0.0.1' });
    const done = (closed: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ replies: Buffer.concat(replies).toString('latin1'), closed });
    };
    const timer = setTimeout(() => done(false), patienceMs);
    socket.on('data', (data) => replies.push(data));
    socket.on('end', () => done(true));
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? done(true) : reject(error)));
    socket.write(Buffer.from(bytes, 'latin1'));
  });
}
