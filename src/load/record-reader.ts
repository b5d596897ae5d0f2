/**
 * What CSV and JSONL have in common: records, each from one or more lines, that a shape makes commands of.
 *
 * The format finds a record's end (`scan`) in the bytes at hand; what is incomplete is scanned again from its beginning
 * when more bytes have come. A wrong record is a FAULT and its lines are passed over.
 */
import { ArgReader } from '../resp/arg-reader.js';
import { type CommandSpans, NO_BYTES } from '../resp/command-spans.js';
import { BROKEN, COMMAND, CommandReader, FAULT, type Found, NEXT_CHUNK } from './command-reader.js';
import { Misshapen, type Row, type Shape } from './shape.js';
import { showBytes } from './show.js';

const LF = 10;
const RECORD_MAX_BYTES = 64 * 1024 * 1024;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/** The record is not wholly there. */
export const INCOMPLETE = -1;

export abstract class RecordReader extends CommandReader {
  protected buf: Buffer = NO_BYTES;
  /** The file ends with `buf`. */
  protected isFinished = false;
  /** With an offset behind the beginning, lines are not counted. */
  protected countsLines: boolean;
  /** Records that begin before it are read and left out. */
  protected skipUntil = 0;

  private pos = 0;
  /** Of buf[0] in the file. */
  private base: number;
  private nextLine = 1;
  private cutOff: string | null = null;
  private isBroken = false;
  /** Of the current record. */
  private queue: Buffer[] = [];
  private queued = 0;
  private readonly reader = new ArgReader();

  constructor(
    protected readonly shape: Shape,
    offset: number,
  ) {
    super();
    this.base = offset;
    this.countsLines = offset === 0;
  }

  /**
   * The offset in `buf` behind the record that begins at `from`, or INCOMPLETE (only while !isFinished). Sets `row`, to
   * null for an empty line, or `fault`.
   */
  protected abstract scan(from: number): number;
  protected row: Row | null = null;
  protected fault = '';

  get position(): number {
    return this.queued < this.queue.length ? this.offset : this.base + this.pos;
  }

  push(chunk: Buffer): void {
    this.base += this.pos;
    this.buf = this.pos === this.buf.length ? chunk : Buffer.concat([this.buf.subarray(this.pos), chunk]);
    this.pos = 0;
  }

  finish(why: string | null): void {
    this.isFinished = true;
    this.cutOff = why;
  }

  next(): Found {
    if (this.queued < this.queue.length) return this.command();
    for (;;) {
      if (this.base + this.pos === 0 && !this.passBom()) return NEXT_CHUNK;
      const from = this.pos;
      if (from === this.buf.length) return this.isFinished ? this.endOfFile(from) : NEXT_CHUNK;
      this.fault = '';
      this.row = null;
      // what was cut off is no record, even if it looks like one
      if (this.isFinished && this.cutOff !== null && this.buf.indexOf(LF, from) < 0) return this.endOfFile(from);
      const end = this.scan(from);
      if (end === INCOMPLETE) {
        if (this.buf.length - from <= RECORD_MAX_BYTES) return NEXT_CHUNK;
        return this.report(from, `the record is longer than ${RECORD_MAX_BYTES} bytes`, BROKEN);
      }
      this.offset = this.base + from;
      this.line = this.countsLines ? this.nextLine : 0;
      this.pos = end;
      if (this.countsLines) this.nextLine += linesIn(this.buf, from, end);
      if (this.row !== null && this.consume(this.row)) continue;
      if (this.offset < this.skipUntil) continue;
      if (this.fault === '') this.store();
      if (this.isTruncated) this.pos = from;
      if (this.fault !== '') return this.report(from, this.fault, this.isTruncated ? BROKEN : FAULT);
      if (this.queue.length > 0) return this.command();
    }
  }

  spans(): CommandSpans {
    this.reader.read(this.frame, this.start, this.end);
    return this.reader;
  }

  /** The row is not one to store, but names a CSV file's columns. */
  protected consume(_row: Row): boolean {
    return false;
  }

  /** False: it cannot be told yet whether the file begins with a byte order mark. */
  private passBom(): boolean {
    if (this.buf.length < BOM.length) return this.isFinished;
    if (this.buf.subarray(0, BOM.length).equals(BOM)) this.pos = BOM.length;
    return true;
  }

  private store(): void {
    if (this.row === null) return;
    try {
      this.queue = this.shape.commands(this.row);
      this.queued = 0;
    } catch (error) {
      if (!(error instanceof Misshapen)) throw error;
      this.fault = error.message;
    }
  }

  private command(): typeof COMMAND {
    this.frame = this.queue[this.queued++]!;
    this.start = 0;
    this.end = this.frame.length;
    if (this.queued === this.queue.length) {
      this.queue = [];
      this.queued = 0;
    }
    return COMMAND;
  }

  private endOfFile(from: number): Found {
    if (this.cutOff === null || this.isBroken) return NEXT_CHUNK;
    this.isBroken = true;
    this.isTruncated = true;
    return this.report(from, this.cutOff, BROKEN);
  }

  private report<F extends Found>(from: number, message: string, found: F): F {
    this.offset = this.base + from;
    this.line = this.countsLines && found === BROKEN ? this.nextLine : this.line;
    this.message = message;
    this.shown = showBytes(firstLine(this.buf.subarray(from, from + 64)));
    return found;
  }
}

function linesIn(buf: Buffer, from: number, end: number): number {
  let lines = 0;
  for (let i = buf.indexOf(LF, from); i >= 0 && i < end; i = buf.indexOf(LF, i + 1)) lines++;
  return lines;
}

function firstLine(bytes: Buffer): Buffer {
  const end = bytes.indexOf(LF);
  return end < 0 ? bytes : bytes.subarray(0, end);
}
