/**
 * Finds the end of a command whose bytes are passed on as they come: the rest of one bulk, then further bulks.
 *
 * Keeps integers only. Refuses what the whole-command scanner refuses, but as soon as the wrong byte comes; the length
 * limits before AUTH are left out, as no server lets the command begin that would need them.
 */
import { BAD_BULK_LENGTH, expectedDollar } from './limits.js';

const CR = 13;
const DOLLAR = 36;
const ZERO = 48;

// Where in the command the next byte is, in order.
/** Inside a bulk or the two bytes behind it. */
const IN_BULK = 0;
/** At the `$`. */
const AT_DOLLAR = 1;
/** In the digits, up to the CR. */
const IN_LENGTH = 2;
/** At the byte behind the CR. */
const AT_LF = 3;

export class RequestBody {
  /** The walk reached the command's end. */
  done = true;
  /** Not empty: the bytes are no Redis command; the text of the error reply. */
  error = '';

  private state = IN_BULK;
  /** Bytes left of the current bulk with its line end. */
  private bulkLeft = 0;
  /** Bulks after the current one. */
  private bulksLeft = 0;
  private length = 0;
  private digits = 0;
  private maxBulkBytes = 0;

  begin(bulkLeft: number, bulksLeft: number, maxBulkBytes: number): void {
    this.done = false;
    this.error = '';
    this.state = IN_BULK;
    this.bulkLeft = bulkLeft;
    this.bulksLeft = bulksLeft;
    this.maxBulkBytes = maxBulkBytes;
  }

  /** The offset behind the last byte of `buf[from, end)` that belongs to the command. Sets `done` and `error`. */
  walk(buf: Buffer, from: number, end: number): number {
    let p = from;
    while (p < end) {
      switch (this.state) {
        case IN_BULK: {
          const step = Math.min(this.bulkLeft, end - p);
          p += step;
          this.bulkLeft -= step;
          if (this.bulkLeft > 0) break;
          if (this.bulksLeft === 0) {
            this.done = true;
            return p;
          }
          this.bulksLeft--;
          this.state = AT_DOLLAR;
          break;
        }
        case AT_DOLLAR:
          if (buf[p] !== DOLLAR) return this.fail(expectedDollar(buf[p]), p);
          this.length = 0;
          this.digits = 0;
          this.state = IN_LENGTH;
          p++;
          break;
        case IN_LENGTH: {
          const digit = buf[p] - ZERO;
          if (buf[p] === CR && this.digits > 0) this.state = AT_LF;
          else if (digit < 0 || digit > 9 || (this.digits > 0 && this.length === 0))
            return this.fail(BAD_BULK_LENGTH, p);
          else {
            this.length = this.length * 10 + digit;
            this.digits++;
            if (this.length > this.maxBulkBytes) return this.fail(BAD_BULK_LENGTH, p);
          }
          p++;
          break;
        }
        case AT_LF:
          this.bulkLeft = this.length + 2;
          this.state = IN_BULK;
          p++;
          break;
      }
    }
    return p;
  }

  private fail(text: string, p: number): number {
    this.error = text;
    return p;
  }
}
