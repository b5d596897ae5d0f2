/** Runs scanners over bytes cut into pieces, as a connection would, and collects what they say. */
import { ReplyError, ReplyScanner } from '../../../src/resp/reply.js';
import { ArgReader, COMMAND, NEED_MORE, RequestScanner } from '../../../src/resp/request.js';
import { ReplyFault } from '../../../src/resp/values.js';
import type { Value } from './reply-fixtures.js';

export interface Scanned {
  commands: string[][];
  error: string | null;
  pending: number;
}

export function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** `text` cut behind each of the offsets. */
export function cut(text: string, offsets: readonly number[]): string[] {
  const sorted = [...offsets].sort((a, b) => a - b);
  const pieces: string[] = [];
  let from = 0;
  for (const offset of [...sorted, text.length]) {
    pieces.push(text.slice(from, offset));
    from = offset;
  }
  return pieces;
}

/** `text` in pieces of at most `size` bytes. */
export function inPiecesOf(text: string, size: number): string[] {
  const pieces: string[] = [];
  for (let i = 0; i < text.length; i += size) pieces.push(text.slice(i, i + size));
  return pieces;
}

/**
 * What a scanner finds. Each command is looked at three times: at once, by ArgReader from its frame, and again when all
 * bytes were pushed, which shows whether its frame stayed what it was.
 */
export function scanRequests(pieces: readonly string[], scanner = new RequestScanner()): Scanned {
  const kept: { frame: Buffer; start: number; end: number; argc: number; starts: Int32Array; ends: Int32Array }[] = [];
  const seen: string[][] = [];
  const reader = new ArgReader();
  let error: string | null = null;
  for (const piece of pieces) {
    scanner.push(bytes(piece));
    for (;;) {
      const result = scanner.next();
      if (result === NEED_MORE) break;
      if (result !== COMMAND) {
        error = scanner.error;
        break;
      }
      const { frame, frameStart, frameEnd, argc } = scanner;
      const starts = scanner.starts.slice(0, argc);
      const ends = scanner.ends.slice(0, argc);
      const args = read(frame, argc, starts, ends);
      seen.push(args);
      reader.read(frame, frameStart, frameEnd);
      const again = read(reader.frame, reader.argc, reader.starts, reader.ends);
      if (JSON.stringify(again) !== JSON.stringify(args)) throw new Error(`read again as ${JSON.stringify(again)}`);
      const multibulk = `*${argc}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`;
      if (frame.toString('latin1', frameStart, frameEnd) !== multibulk)
        throw new Error(`no multibulk frame of ${args}`);
      if (reader.frameEnd !== frameEnd) throw new Error(`frame of ${frameEnd}, read to ${reader.frameEnd}`);
      kept.push({ frame, start: frameStart, end: frameEnd, argc, starts, ends });
    }
    if (error !== null) break;
  }
  const commands = kept.map((k) => read(k.frame, k.argc, k.starts, k.ends));
  if (JSON.stringify(commands) !== JSON.stringify(seen)) throw new Error('a frame changed after its command');
  return { commands, error, pending: scanner.bufferedBytes };
}

function read(frame: Buffer, argc: number, starts: Int32Array, ends: Int32Array): string[] {
  return Array.from({ length: argc }, (_, i) => frame.toString('latin1', starts[i], ends[i]));
}

/** The part of ReplyScanner that driving needs, so that wrong scanners can be driven, too. */
export interface Boundaries {
  complete: boolean;
  scan(buf: Buffer, from: number, end: number): number;
}

/**
 * The length of each reply in `pieces`, and what is left of an incomplete one at the end. As a connection's read buffer
 * is reused, each piece lies at a changing place of one buffer whose other bytes are rubbish.
 */
export function scanReplies(pieces: readonly string[], scanner: Boundaries = new ReplyScanner()): number[] {
  const longest = Math.max(...pieces.map((piece) => piece.length));
  const buf = Buffer.alloc(longest + 16);
  const lengths: number[] = [];
  let length = 0;
  for (const [round, piece] of pieces.entries()) {
    buf.fill('$1:\r\n*'[round % 6] as string);
    const start = round % 7;
    const end = start + piece.length;
    buf.write(piece, start, 'latin1');
    let from = start;
    while (from < end) {
      const to = scanner.scan(buf, from, end);
      if (to <= from || to > end) throw new Error(`scanned from ${from} to ${to} of ${end}`);
      if (!scanner.complete && to !== end) throw new Error(`incomplete at ${to} of ${end}`);
      length += to - from;
      from = to;
      if (scanner.complete) {
        lengths.push(length);
        length = 0;
      }
    }
  }
  if (length > 0) lengths.push(-length);
  return lengths;
}

/** How many bytes were taken before the ReplyError; -1 if there was none. */
export function bytesBeforeError(text: string, pieceSize: number): number {
  const scanner = new ReplyScanner();
  let before = 0;
  for (const piece of inPiecesOf(text, pieceSize)) {
    try {
      const buf = bytes(piece);
      let from = 0;
      while (from < buf.length) from = scanner.scan(buf, from, buf.length);
    } catch (error) {
      if (error instanceof ReplyError) return before;
      throw error;
    }
    before += piece.length;
  }
  return -1;
}

/** A decoded reply in the form of the fixtures. */
export function plain(reply: unknown): Value {
  if (Buffer.isBuffer(reply)) return reply.toString('latin1');
  if (reply instanceof ReplyFault) return { error: reply.message };
  if (Array.isArray(reply)) return reply.map(plain);
  if (reply === null || typeof reply === 'number' || typeof reply === 'bigint') return reply;
  throw new TypeError(`no reply: ${String(reply)}`);
}
