/**
 * CSV as RFC 4180 has it: cells in quotes may hold delimiters, line ends and (doubled) quotes; lines end in LF or CRLF.
 * Bytes stay bytes. The first row names the columns unless they are given. Empty lines are passed over.
 */
import { ConfigError } from '../config/errors.js';
import { INCOMPLETE, RecordReader } from './record-reader.js';
import type { Row, Shape } from './shape.js';

const LF = 10;
const CR = 13;
const QUOTE = 34;

export interface CsvOptions {
  /** one byte */
  readonly delimiter: string;
  /** null: the first row names them */
  readonly columns: readonly string[] | null;
}

export class CsvReader extends RecordReader {
  private readonly delimiter: number;
  private readonly cells: Buffer[] = [];
  private columns: Columns | null;

  /** With the columns in the file, the bytes must come from the file's beginning, whatever the offset. */
  constructor(shape: Shape, offset: number, options: CsvOptions) {
    super(shape, options.columns === null ? 0 : offset);
    this.delimiter = options.delimiter.charCodeAt(0);
    this.columns = options.columns === null ? null : new Columns(options.columns, shape);
    this.skipUntil = offset;
  }

  /** @throws ConfigError when the file's columns are not those that the options speak of */
  protected scan(from: number): number {
    const { buf, cells, delimiter } = this;
    const end = buf.length;
    cells.length = 0;
    let p = from;
    for (;;) {
      if (buf[p] === QUOTE && p < end) {
        const close = this.closingQuote(p + 1);
        if (close < 0) {
          if (!this.isFinished) return INCOMPLETE;
          this.fault = 'the file ends within a quoted cell';
          this.isTruncated = true;
          return end;
        }
        cells.push(unquoted(buf.subarray(p + 1, close)));
        p = close + 1;
        if (p < end && buf[p] === CR && (p + 1 === end || buf[p + 1] === LF)) p++;
        if (p < end && buf[p] !== LF && buf[p] !== delimiter) {
          this.fault = 'something stands behind a closing quote';
          return this.lineEnd(p);
        }
      } else {
        const start = p;
        while (p < end && buf[p] !== delimiter && buf[p] !== LF) p++;
        const stop = buf[p] !== delimiter && p > start && buf[p - 1] === CR ? p - 1 : p;
        cells.push(buf.subarray(start, stop));
      }
      if (p >= end && !this.isFinished) return INCOMPLETE;
      if (p >= end || buf[p] === LF) break;
      p++;
    }
    this.finishRow();
    return Math.min(p + 1, end);
  }

  protected override consume(): boolean {
    if (this.columns !== null) return false;
    this.columns = new Columns(
      this.cells.map((cell) => cell.toString()),
      this.shape,
    );
    return true;
  }

  private finishRow(): void {
    const { cells, columns } = this;
    if (cells.length === 1 && cells[0]!.length === 0) return;
    if (columns !== null && cells.length !== columns.names.length) {
      this.fault = `the row has ${cells.length} cells for ${columns.names.length} columns`;
      return;
    }
    this.row = new CsvRow(columns, cells);
  }

  private closingQuote(from: number): number {
    const { buf } = this;
    for (let p = from; ; p += 2) {
      p = buf.indexOf(QUOTE, p);
      // a quote that ends the bytes at hand may be the first of two
      if (p < 0 || (p + 1 === buf.length && !this.isFinished)) return -1;
      if (buf[p + 1] !== QUOTE) return p;
    }
  }

  private lineEnd(from: number): number {
    const p = this.buf.indexOf(LF, from);
    if (p >= 0) return p + 1;
    return this.isFinished ? this.buf.length : INCOMPLETE;
  }
}

class Columns {
  readonly names: readonly string[];
  readonly bytes: readonly Buffer[];
  readonly places: ReadonlyMap<string, number>;

  constructor(names: readonly string[], shape: Shape) {
    this.names = names;
    this.bytes = names.map((name) => Buffer.from(name));
    this.places = new Map(names.map((name, i) => [name, i]));
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) throw new ConfigError(`Two columns are called '${twice}': name them with --columns.`);
    const missing = shape.names.find((name) => !this.places.has(name));
    if (missing !== undefined) {
      throw new ConfigError(`There is no column '${missing}': the columns are ${names.join(', ')}.`);
    }
  }
}

class CsvRow implements Row {
  constructor(
    private readonly columns: Columns | null,
    private readonly cells: readonly Buffer[],
  ) {}

  get(name: string): Buffer | undefined {
    const place = this.columns?.places.get(name);
    return place === undefined ? undefined : this.cells[place];
  }

  all(): Buffer[] {
    return this.columns?.bytes.flatMap((name, i) => [name, this.cells[i]!]) ?? [];
  }
}

function unquoted(cell: Buffer): Buffer {
  let p = cell.indexOf(QUOTE);
  if (p < 0) return cell;
  const out = Buffer.allocUnsafe(cell.length);
  let size = 0;
  let from = 0;
  // of each pair the first is kept
  for (; p >= 0; p = cell.indexOf(QUOTE, from)) {
    size += cell.copy(out, size, from, p + 1);
    from = p + 2;
  }
  size += cell.copy(out, size, from);
  return out.subarray(0, size);
}
