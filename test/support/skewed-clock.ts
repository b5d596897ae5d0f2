/**
 * A real redis-server whose clock seems to be ahead (or behind) by `skewMs`, to whoever talks to it through here.
 *
 *   client ── absolute times minus skewMs ──► redis-server
 *          ◄── TIME, EXPIRETIME plus skewMs ──
 *
 * Understands the commands that carry absolute times: SET, GETEX (EXAT, PXAT), EXPIREAT, PEXPIREAT, RESTORE … ABSTTL,
 * XCLAIM … TIME, TIME, EXPIRETIME, PEXPIRETIME, also inside MULTI. Times inside scripts and XINFO pass unchanged.
 * Both ends of a test can so be compared on the one true clock, which is that of the servers themselves.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { RedisServer } from './redis.js';
import { frameEnd } from './resp-frames.js';

export class SkewedClock {
  private readonly sockets = new Set<Socket>();

  private constructor(
    readonly skewMs: number,
    private readonly server: RedisServer,
    private readonly listener: Server,
  ) {}

  static async before(server: RedisServer, skewMs: number): Promise<SkewedClock> {
    const listener = createServer({ noDelay: true });
    const skewed = new SkewedClock(skewMs, server, listener);
    listener.on('connection', (client) => skewed.join(client));
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return skewed;
  }

  /** The server, at the address where its clock seems skewed. */
  get asServer(): RedisServer {
    const address = this.listener.address();
    if (address === null || typeof address === 'string') throw new Error('it is closed');
    const { port } = address;
    return Object.create(this.server, { port: { value: port }, url: { value: `redis://127.0.0.1:${port}` } });
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.listener.close();
    await once(this.listener, 'close');
  }

  private join(client: Socket): void {
    const upstream = connect({ port: this.server.port, host: '127.0.0.1', noDelay: true });
    const names: string[] = [];
    let queued: string[] | null = null;
    const shift = new Shift(this.skewMs);
    frames(client, (frame) => {
      const args = splitCommand(frame);
      const name = args[0]!.toString('latin1').toUpperCase();
      if (name === 'EXEC' && queued !== null) {
        names.push(`EXEC ${queued.join(' ')}`);
        queued = null;
      } else if (queued !== null) {
        queued.push(name);
        names.push('QUEUED');
      } else names.push(name);
      if (name === 'MULTI') queued = [];
      upstream.write(joinCommand(shift.request(name, args)));
    });
    frames(upstream, (frame) => client.write(shift.reply(names.shift() ?? '', frame)));
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        this.sockets.delete(one);
        other.destroy();
      });
    }
  }
}

class Shift {
  constructor(private readonly skewMs: number) {}

  request(name: string, args: Buffer[]): Buffer[] {
    const out = [...args];
    const move = (at: number, unitMs: number): void => {
      const moved = Number(text(out[at])) - this.skewMs / unitMs;
      out[at] = Buffer.from(String(Math.round(moved)));
    };
    const options = args.map((arg) => (arg.length < 8 ? text(arg).toUpperCase() : ''));
    if (name === 'SET' || name === 'GETEX') {
      for (let i = name === 'SET' ? 3 : 2; i + 1 < args.length; i++) {
        if (options[i] === 'PXAT') move(i + 1, 1);
        else if (options[i] === 'EXAT') move(i + 1, 1000);
      }
    } else if (name === 'PEXPIREAT') move(2, 1);
    else if (name === 'EXPIREAT') move(2, 1000);
    else if (name === 'RESTORE' && options.includes('ABSTTL', 4) && text(args[2]) !== '0') move(2, 1);
    else if (name === 'XCLAIM') {
      const at = options.indexOf('TIME', 5);
      if (at > 0) move(at + 1, 1);
    }
    return out;
  }

  reply(name: string, frame: Buffer): Buffer {
    if (name === 'TIME') {
      const [seconds, microseconds] = frame
        .toString('latin1')
        .split('\r\n')
        .filter((_, i) => i === 2 || i === 4);
      const at = Number(seconds) * 1000 + Number(microseconds) / 1000 + this.skewMs;
      return joinCommand([
        Buffer.from(String(Math.floor(at / 1000))),
        Buffer.from(String(Math.floor((at % 1000) * 1000))),
      ]);
    }
    if (name === 'PEXPIRETIME' || name === 'EXPIRETIME') {
      const value = Number(frame.toString('latin1', 1));
      if (!(value > 0)) return frame;
      return Buffer.from(`:${value + Math.round(name === 'EXPIRETIME' ? this.skewMs / 1000 : this.skewMs)}\r\n`);
    }
    if (!name.startsWith('EXEC ') || frame[0] !== 0x2a) return frame;
    const inner = name.split(' ').slice(1);
    let at = frame.indexOf(13) + 2;
    const parts = [frame.subarray(0, at)];
    for (const one of inner) {
      const end = frameEnd(frame, at);
      if (end < 0) break;
      parts.push(this.reply(one, frame.subarray(at, end)));
      at = end;
    }
    return Buffer.concat(parts);
  }
}

function text(arg: Buffer | undefined): string {
  return (arg ?? Buffer.alloc(0)).toString('latin1');
}

function frames(socket: Socket, each: (frame: Buffer) => void): void {
  let partial: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    partial = partial.length === 0 ? chunk : Buffer.concat([partial, chunk]);
    let at = 0;
    for (let end = frameEnd(partial, at); end >= 0; end = frameEnd(partial, at)) {
      each(partial.subarray(at, end));
      at = end;
    }
    partial = partial.subarray(at);
  });
}

function splitCommand(frame: Buffer): Buffer[] {
  const args: Buffer[] = [];
  let at = frame.indexOf(13) + 2;
  while (at < frame.length) {
    const line = frame.indexOf(13, at);
    const length = Number(frame.toString('latin1', at + 1, line));
    args.push(frame.subarray(line + 2, line + 2 + length));
    at = line + length + 4;
  }
  return args;
}

function joinCommand(args: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) parts.push(Buffer.from(`$${arg.length}\r\n`), arg, Buffer.from('\r\n'));
  return Buffer.concat(parts);
}
