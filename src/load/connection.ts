/**
 * One connection of a load: commands go out without waiting for their replies, and each reply is matched with its command.
 *
 *   open()      connected, logged in, in its database; or a StartError that says why not
 *   send()      one command; the bytes leave with flush() at the latest
 *   acknowledged / oldestOffset / openMultiOffset    what is certain, see loader.ts
 *   finish()    the random ECHO at the end: once `finished`, no reply is missing and none was out of turn
 *
 * An error inside an EXEC's reply counts as an error, too. Replies that nobody asked for end the connection: they show
 * that replies and commands are out of step, so that nothing that was counted can be trusted.
 */

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { ConfigError, StartError } from '../config/errors.js';
import type { Endpoint } from '../config/url.js';
import { Outbox } from '../lanes/outbox.js';
import { tlsOptionsOf } from '../lanes/tls.js';
import { ArgReader } from '../resp/arg-reader.js';
import { encodeCommand } from '../resp/encode.js';
import { ReplyScanner } from '../resp/reply.js';
import { decodeReply, type Reply, ReplyFault } from '../resp/values.js';
import { DISCARD, type EntryKind, EXEC, InFlight, MULTI, PLAIN, SELECT, SELECT_AGAIN, SENTINEL } from './in-flight.js';

const EXCLAMATION = 33;
const PLUS = 43;
const STAR = 42;
const MINUS = 45;
const GREATER = 62;

const CONNECT_TIMEOUT_MS = 10_000;
const SENTINEL_BYTES = 20;
/** Longer replies are counted and not looked into (an EXEC that returned megabytes). */
const LOOKED_INTO_BYTES = 16 * 1024 * 1024;
/** So much may lie in this process before the reading of the file waits. */
const UNSENT_BYTES = 4 * 1024 * 1024;
const IN_FLIGHT_BYTES = 8 * 1024 * 1024;

/** Told of what happens on a connection; all calls come from the socket's events. */
export interface LoadListener {
  /** The oldest command in flight was answered by an error. */
  failed(connection: LoadConnection, message: string): void;
  /** Some replies came, or the socket took what it had. */
  progressed(): void;
}

export class LoadConnection {
  replies = 0;
  /** Why the connection is of no use any more; null while it is. */
  lost: string | null = null;
  /** The sentinel came back. */
  finished = false;
  /** The database that the acknowledged commands have chosen. */
  db: number;
  /** Where the acknowledged MULTI begins whose EXEC is not acknowledged; -1: there is none. */
  openMultiOffset = -1;

  readonly inFlight: InFlight;
  private readonly out = new Outbox();
  private readonly scanner = new ReplyScanner();
  private readonly reader = new ArgReader();
  /** The beginning of a reply whose bytes are needed. */
  private held: Buffer | null = null;
  private isEnding = false;
  private sentinel = Buffer.alloc(0);
  /** Chosen by a SELECT that waits for its EXEC. */
  private queuedDb = -1;

  private constructor(
    private readonly socket: Socket,
    private readonly listener: LoadListener,
    capacity: number,
    db: number,
  ) {
    this.db = db;
    this.inFlight = new InFlight(capacity);
    socket.on('data', (chunk: Buffer) => this.received(chunk));
    socket.on('drain', () => this.listener.progressed());
    socket.on('error', (error: NodeJS.ErrnoException) => this.lose(error.code ?? error.message));
    socket.on('close', () => this.lose('the other side closed it'));
  }

  /** @throws StartError: unreachable (3), or a login that is missing or wrong (2) */
  static async open(endpoint: Endpoint, listener: LoadListener, capacity: number): Promise<LoadConnection> {
    const socket = await connect(endpoint);
    try {
      await logIn(socket, endpoint);
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return new LoadConnection(socket, listener, capacity, endpoint.db);
  }

  /** More may be sent now without holding too much. */
  get hasRoom(): boolean {
    const { inFlight } = this;
    return (
      inFlight.count < inFlight.capacity &&
      inFlight.bytes < IN_FLIGHT_BYTES &&
      this.socket.writableLength < UNSENT_BYTES
    );
  }

  /** After hasRoom was false: enough has gone for a further stretch. */
  get hasMuchRoom(): boolean {
    const { inFlight } = this;
    return (
      inFlight.count <= inFlight.capacity / 2 &&
      inFlight.bytes <= IN_FLIGHT_BYTES / 2 &&
      this.socket.writableLength <= UNSENT_BYTES / 2
    );
  }

  /** There must be room for one more. */
  send(frame: Buffer, start: number, end: number, offset: number, line: number, kind: EntryKind): void {
    this.inFlight.push(frame, start, end, offset, line, kind);
    this.out.appendStable(frame, start, end);
  }

  /** A further piece of the command that was sent last. */
  sendPiece(frame: Buffer, start: number, end: number): void {
    this.out.appendStable(frame, start, end);
  }

  flush(): void {
    this.out.flushTo(this.socket);
  }

  /** Nothing more is sent; `finished` comes when everything was answered in step. */
  finish(): void {
    this.sentinel = Buffer.from(randomBytes(SENTINEL_BYTES / 2).toString('hex'));
    const echo = encodeCommand(['ECHO', this.sentinel]);
    this.send(echo, 0, echo.length, Number.POSITIVE_INFINITY, 0, SENTINEL);
    this.flush();
  }

  close(): void {
    this.isEnding = true;
    this.socket.destroy();
  }

  private received(chunk: Buffer): void {
    const end = chunk.length;
    let p = 0;
    try {
      while (p < end) {
        const from = p;
        p = this.scanner.scan(chunk, p, end);
        const { type, complete } = this.scanner;
        if (!complete) {
          this.hold(chunk, from);
          break;
        }
        if (this.held === null) {
          this.replied(type, chunk, from, p);
        } else {
          const whole = Buffer.concat([this.held, chunk.subarray(from, p)]);
          this.held = null;
          this.replied(type, whole, 0, whole.length);
        }
        if (this.lost !== null) break;
      }
    } catch (error) {
      this.lose((error as Error).message);
    }
    this.listener.progressed();
  }

  /** Keeps the bytes of an incomplete reply, if they will be looked at. */
  private hold(chunk: Buffer, from: number): void {
    if (this.held !== null) {
      if (this.held.length <= LOOKED_INTO_BYTES) this.held = Buffer.concat([this.held, chunk.subarray(from)]);
      return;
    }
    const { type } = this.scanner;
    if (type === MINUS || type === EXCLAMATION || this.inFlight.kind !== PLAIN) this.held = chunk.subarray(from);
  }

  private replied(type: number, buf: Buffer, start: number, end: number): void {
    if (type === GREATER) return;
    const { inFlight } = this;
    if (inFlight.count === 0) {
      this.lose('a reply came that no command asked for');
      return;
    }
    const { kind } = inFlight;
    if (kind === SENTINEL) {
      const text = buf.subarray(end - 2 - SENTINEL_BYTES, end - 2);
      this.finished = text.equals(this.sentinel);
      if (this.finished) inFlight.shift();
      else this.lose('replies and commands are out of step');
      return;
    }
    const isError = type === MINUS || type === EXCLAMATION;
    if (kind !== SELECT_AGAIN) this.replies++;
    if (isError && kind !== SELECT_AGAIN) this.listener.failed(this, errorText(type, buf, start, end));
    if (kind !== PLAIN) this.noteState(kind, type, isError, buf, start, end);
    inFlight.shift();
  }

  private noteState(kind: EntryKind, type: number, isError: boolean, buf: Buffer, start: number, end: number): void {
    if (kind === MULTI) {
      if (!isError) this.openMultiOffset = this.inFlight.offset;
    } else if (kind === SELECT || kind === SELECT_AGAIN) {
      if (type !== PLUS) return;
      const { command } = this.inFlight;
      this.reader.read(command, 0, command.length);
      const db = this.reader.int(1);
      this.reader.clear();
      // +OK, or +QUEUED
      if (end - start === 5) this.db = db;
      else this.queuedDb = db;
    } else {
      this.openMultiOffset = -1;
      if (kind === EXEC && type === STAR) {
        if (this.queuedDb >= 0) this.db = this.queuedDb;
        if (end - start <= LOOKED_INTO_BYTES) this.reportWithin(decodeReply(buf, start, end));
      }
      if (kind === EXEC || kind === DISCARD) this.queuedDb = -1;
    }
  }

  /** The errors among an EXEC's replies. */
  private reportWithin(reply: Reply): void {
    if (!Array.isArray(reply)) return;
    for (const [i, element] of reply.entries()) {
      if (element instanceof ReplyFault) {
        this.listener.failed(this, `command ${i + 1} of the transaction: ${element.message}`);
      }
    }
  }

  private lose(why: string): void {
    if (this.isEnding || this.lost !== null) return;
    this.lost = why;
    this.socket.destroy();
    this.listener.progressed();
  }
}

function errorText(type: number, buf: Buffer, start: number, end: number): string {
  if (type === MINUS) return buf.toString('utf8', start + 1, end - 2);
  // RESP3's error with a length
  return buf.toString('utf8', buf.indexOf('\n', start) + 1, end - 2);
}

async function connect(endpoint: Endpoint): Promise<Socket> {
  const { host, port, path, tls } = endpoint;
  const secure = tlsOptionsOf(tls, [host], host);
  const where = path === undefined ? { host, port } : { path };
  const socket = secure === null ? connectPlain({ ...where, noDelay: true }) : connectTls({ ...secure, host, port });
  socket.setNoDelay(true);
  socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy(new Error(`no answer in ${CONNECT_TIMEOUT_MS} ms`)));
  try {
    await once(socket, secure === null ? 'connect' : 'secureConnect');
  } catch (error) {
    socket.destroy();
    const { code, message } = error as NodeJS.ErrnoException;
    throw new StartError(3, `${endpoint.url} cannot be reached: ${code ?? message}. Is that where clients connect to?`);
  }
  return socket;
}

/** One question after another; PING shows whether a password is wanted where none was given. */
async function logIn(socket: Socket, { url, username, password, db }: Endpoint): Promise<void> {
  if (password !== null) {
    const answer = await ask(socket, url, username === null ? ['AUTH', password] : ['AUTH', username, password]);
    if (answer.startsWith('-')) throw new ConfigError(`${url} refuses the login: ${answer.slice(1)}.`);
  }
  const pong = await ask(socket, url, ['PING']);
  if (pong.startsWith('-NOAUTH')) {
    throw new ConfigError(`${url} wants a login: give it with --url redis://user:password@host:port (or FERRY_URL).`);
  }
  if (db !== 0) {
    const answer = await ask(socket, url, ['SELECT', db]);
    if (answer.startsWith('-')) throw new ConfigError(`${url} refuses the database ${db}: ${answer.slice(1)}.`);
  }
  socket.setTimeout(0);
}

/** The first line of the reply. */
async function ask(socket: Socket, url: string, args: (string | number)[]): Promise<string> {
  socket.write(encodeCommand(args));
  let text = '';
  while (!text.includes('\r\n')) {
    const chunk: Buffer = await new Promise((resolve, reject) => {
      const fail = (why: string): void =>
        reject(new StartError(3, `${url} gives no answer: ${why}. Does a Redis or Ferry listen there, and with TLS?`));
      const onError = (error: Error): void => fail(error.message);
      const onClose = (): void => fail('it closed the connection');
      socket.once('error', onError).once('close', onClose);
      socket.once('data', (bytes: Buffer) => {
        socket.off('error', onError).off('close', onClose);
        resolve(bytes);
      });
    });
    text += chunk.toString('latin1');
  }
  return text.slice(0, text.indexOf('\r\n'));
}
