/**
 * RESP2 and RESP3 for the history test's own client: deliberately not Ferry's code, so that a mistake there is seen here.
 *
 * Bytes are latin1 strings. Statuses and bulks are both strings, integers are numbers, all nulls are null; what RESP3 has
 * of its own is what RESP2 would have said: sets and maps are arrays, doubles strings, booleans 1 and 0.
 */

/** A server's error reply. `word` is its first word, the part that Redis promises. */
export class ErrorReply {
  constructor(readonly text: string) {}

  get word(): string {
    return this.text.split(' ', 1)[0]!;
  }
}

export type Reply = string | number | null | ErrorReply | readonly Reply[];

export function encode(args: readonly string[]): string {
  let out = `*${args.length}\r\n`;
  for (const arg of args) out += `$${arg.length}\r\n${arg}\r\n`;
  return out;
}

/** Replies out of a stream of chunks: `push` bytes, then `next` until it says `undefined`. */
export class Decoder {
  private pending = '';
  private at = 0;

  push(chunk: string): void {
    this.pending = this.pending.slice(this.at) + chunk;
    this.at = 0;
  }

  next(): Reply | undefined {
    const start = this.at;
    const reply = this.read();
    if (reply === undefined) this.at = start;
    return reply;
  }

  private read(): Reply | undefined {
    const lineEnd = this.pending.indexOf('\r\n', this.at);
    if (lineEnd < 0) return undefined;
    const type = this.pending[this.at];
    const line = this.pending.slice(this.at + 1, lineEnd);
    this.at = lineEnd + 2;
    switch (type) {
      case '+':
        return line;
      case '-':
        return new ErrorReply(line);
      case ':':
        return Number(line);
      case '$':
        return this.bulk(Number(line));
      case '=': {
        const text = this.bulk(Number(line));
        return typeof text === 'string' ? text.slice(4) : text;
      }
      case '_':
        return null;
      case ',':
        return line;
      case '#':
        return line === 't' ? 1 : 0;
      case '%':
        return this.array(2 * Number(line));
      case '*':
      case '~':
        return this.array(Number(line));
      default:
        throw new Error(`not a reply: ${JSON.stringify(type + line.slice(0, 60))}`);
    }
  }

  private bulk(length: number): string | null | undefined {
    if (length < 0) return null;
    if (this.pending.length < this.at + length + 2) return undefined;
    const text = this.pending.slice(this.at, this.at + length);
    this.at += length + 2;
    return text;
  }

  private array(length: number): readonly Reply[] | null | undefined {
    if (length < 0) return null;
    const items: Reply[] = [];
    for (let i = 0; i < length; i++) {
      const item = this.read();
      if (item === undefined) return undefined;
      items.push(item);
    }
    return items;
  }
}

export function show(reply: Reply | undefined): string {
  if (reply === undefined) return '(no reply)';
  if (reply instanceof ErrorReply) return `-${reply.text}`;
  if (Array.isArray(reply)) return `[${reply.map(show).join(', ')}]`;
  if (typeof reply === 'string' && reply.length > 80) return `${JSON.stringify(reply.slice(0, 80))}… (${reply.length})`;
  return JSON.stringify(reply);
}
