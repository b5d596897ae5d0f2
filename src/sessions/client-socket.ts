/**
 * How a client's bytes come in: read into one buffer that all plain connections share, and copied out of it.
 *
 * Left to itself Node allocates 64 KiB for each read, cuts it down, and passes it through a stream: several times what it
 * costs to read a command of fifty bytes. Small reads are copied into Node's pool of small buffers, big ones into a block
 * (blocks.ts); a connection that fills the buffer gets blocks of its own while it does, and these are handed on as they are.
 * A block whose bytes were all passed on at once is used again.
 *
 * A server's connections cannot be given the option that does this (`onread`), only new sockets can; so the accepted one
 * gives its handle to another. That a socket takes a `handle` is not documented, though Node itself and its `cluster` rely on it;
 * where there is none (TLS, or a Node that is different) the bytes come the usual way.
 *
 * https://nodejs.org/docs/latest-v20.x/api/net.html#new-netsocketoptions (onread)
 */
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { BLOCK_BYTES, giveBlock, takeBlock } from '../lanes/blocks.js';

/** From here on a block's rest is worth less than the time to allocate a buffer of the right size. */
const BIG_READ_BYTES = 16 * 1024;

const shared = takeBlock();

/** What a socket of Node's has beside its documented parts. */
interface WithHandle {
  _handle?: object | null;
}

/**
 * The socket to use from here on, whose bytes go to `receive`, which owns them if it answers true, and else refers to them
 * no more. It may be paused: `resume` lets them come. `socket` itself must not be used any more.
 */
export function readClient(socket: Socket, receive: (chunk: Buffer) => boolean): Socket {
  const accepted = socket as Socket & WithHandle;
  const handle = accepted._handle;
  if (socket.constructor !== Socket || typeof handle !== 'object' || handle === null || socket.readableLength > 0) {
    socket.on('data', receive);
    return socket;
  }
  let buffer: Buffer = shared;
  const options: SocketConstructorOpts & { handle: object; pauseOnCreate: boolean; onread: OnReadOpts } = {
    handle,
    allowHalfOpen: true,
    pauseOnCreate: true,
    onread: {
      // asked after each read for the next one, so what it says is this connection's until then
      buffer: () => buffer,
      callback(bytes: number): boolean {
        const filled = buffer;
        // one that was filled is most likely not the last; an idle connection keeps none of its own
        buffer = bytes === BLOCK_BYTES ? takeBlock() : shared;
        if (bytes < BIG_READ_BYTES) {
          const chunk = Buffer.allocUnsafe(bytes);
          filled.copy(chunk, 0, 0, bytes);
          if (filled !== shared) giveBlock(filled);
          receive(chunk);
        } else {
          const block = filled === shared ? takeBlock() : filled;
          if (filled === shared) filled.copy(block, 0, 0, bytes);
          if (!receive(block.subarray(0, bytes))) giveBlock(block);
        }
        return true;
      },
    },
  };
  accepted._handle = null;
  socket.destroy();
  return new Socket(options);
}
