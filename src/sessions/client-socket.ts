/**
 * How a client's bytes come in: read into one buffer that all plain connections share, and copied out of it.
 *
 * Left to itself Node allocates 64 KiB for each read, cuts it down, and passes it through a stream: several times what it
 * costs to read a command of fifty bytes. Small reads are copied into Node's pool of small buffers; a connection that fills
 * the buffer gets ones of its own while it does, and these are handed on as they are.
 *
 * A server's connections cannot be given the option that does this (`onread`), only new sockets can; so the accepted one
 * gives its handle to another. That a socket takes a `handle` is not documented, though Node itself and its `cluster` rely on it;
 * where there is none (TLS, or a Node that is different) the bytes come the usual way.
 *
 * https://nodejs.org/docs/latest-v20.x/api/net.html#new-netsocketoptions (onread)
 */
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';

const READ_BYTES = 64 * 1024;
/** From here on it is cheaper to give the buffer away than to copy it. */
const BIG_READ_BYTES = 16 * 1024;

const shared = Buffer.allocUnsafeSlow(READ_BYTES);

/** What a socket of Node's has beside its documented parts. */
interface WithHandle {
  _handle?: object | null;
}

/**
 * The socket to use from here on, whose bytes go to `receive`, which owns them. It may be paused: `resume` lets them come.
 * `socket` itself must not be used any more.
 */
export function readClient(socket: Socket, receive: (chunk: Buffer) => void): Socket {
  const accepted = socket as Socket & WithHandle;
  const handle = accepted._handle;
  if (socket.constructor !== Socket || typeof handle !== 'object' || handle === null || socket.readableLength > 0) {
    socket.on('data', receive);
    return socket;
  }
  let buffer = shared;
  const options: SocketConstructorOpts & { handle: object; pauseOnCreate: boolean; onread: OnReadOpts } = {
    handle,
    allowHalfOpen: true,
    pauseOnCreate: true,
    onread: {
      buffer: () => buffer,
      callback(bytes: number): boolean {
        let chunk = buffer.subarray(0, bytes);
        if (buffer === shared || bytes < BIG_READ_BYTES) {
          chunk = Buffer.allocUnsafe(bytes);
          buffer.copy(chunk, 0, 0, bytes);
        }
        // one that was filled is most likely not the last; an idle connection keeps none of its own
        buffer = bytes === READ_BYTES ? Buffer.allocUnsafeSlow(READ_BYTES) : shared;
        receive(chunk);
        return true;
      },
    },
  };
  accepted._handle = null;
  socket.destroy();
  return new Socket(options);
}
