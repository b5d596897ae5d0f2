/**
 * JSONL: one JSON object per line. A string's value is its text; a number, true and false are stored as they are written
 * (no digit is lost); an array or object is stored as its JSON; null counts as not there. Empty lines are passed over. A last
 * line that neither ends nor is JSON is where the file was cut off.
 */
import { isUtf8 } from 'node:buffer';
import { INCOMPLETE, RecordReader } from './record-reader.js';
import type { Row } from './shape.js';

const LF = 10;
const SPACE = /[\t\n\r ]/;

export class JsonlReader extends RecordReader {
  protected scan(from: number): number {
    const { buf } = this;
    const found = buf.indexOf(LF, from);
    if (found < 0 && !this.isFinished) return INCOMPLETE;
    const end = found < 0 ? buf.length : found;
    this.readLine(buf.subarray(from, end), found < 0);
    return found < 0 ? end : end + 1;
  }

  private readLine(line: Buffer, isUnended: boolean): void {
    if (!isUtf8(line)) {
      this.notJson('the line is not UTF-8', isUnended);
      return;
    }
    const text = line.toString().trim();
    if (text === '') return;
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        this.fault = 'the line is no JSON object';
      else this.row = new JsonRow(membersOf(text));
    } catch (error) {
      this.notJson(`the line is no JSON (${(error as Error).message})`, isUnended);
    }
  }

  private notJson(fault: string, isUnended: boolean): void {
    this.fault = isUnended ? 'the file ends within this line' : fault;
    this.isTruncated = isUnended;
  }
}

class JsonRow implements Row {
  constructor(private readonly members: ReadonlyMap<string, Buffer>) {}

  get(name: string): Buffer | undefined {
    return this.members.get(name);
  }

  all(): Buffer[] {
    return [...this.members].flatMap(([name, value]) => [Buffer.from(name), value]);
  }
}

/** The members of an object that is known to be right, each with its value as it is written. */
function membersOf(text: string): Map<string, Buffer> {
  const members = new Map<string, Buffer>();
  let p = skipSpace(text, 1);
  while (text[p] !== '}') {
    const nameEnd = stringEnd(text, p);
    const name = JSON.parse(text.slice(p, nameEnd)) as string;
    p = skipSpace(text, skipSpace(text, nameEnd) + 1);
    const end = valueEnd(text, p);
    const raw = text.slice(p, end);
    // a name that comes twice: the last counts, as for JSON.parse
    members.delete(name);
    if (raw !== 'null') members.set(name, Buffer.from(raw[0] === '"' ? (JSON.parse(raw) as string) : raw));
    p = skipSpace(text, end);
    if (text[p] === ',') p = skipSpace(text, p + 1);
  }
  return members;
}

function skipSpace(text: string, from: number): number {
  let p = from;
  while (SPACE.test(text[p]!)) p++;
  return p;
}

/** Behind the string that begins at `from`. */
function stringEnd(text: string, from: number): number {
  let p = from + 1;
  while (text[p] !== '"') p += text[p] === '\\' ? 2 : 1;
  return p + 1;
}

/** Behind the value that begins at `from`. */
function valueEnd(text: string, from: number): number {
  let depth = 0;
  let p = from;
  for (;;) {
    const c = text[p]!;
    if (c === '"') {
      p = stringEnd(text, p);
      if (depth === 0) return p;
      continue;
    }
    if (depth === 0 && (c === ',' || c === '}' || SPACE.test(c))) return p;
    if (c === '{' || c === '[') depth++;
    else if (c === '}' || c === ']') {
      depth--;
      if (depth === 0) return p + 1;
    }
    p++;
  }
}
