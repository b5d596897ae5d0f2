/**
 * A command or a piece of a file as a person reads it in an error: printable, short, and without secrets.
 */
import { decimalDigits } from '../resp/encode.js';

const SHOWN_ARGUMENTS = 4;
const SHOWN_BYTES = 40;
const STAR = 42;
const LF = 10;
const SECRETIVE = /^(auth|hello|acl|config|migrate)$/i;

/** `*3\r\n$3\r\nSET…` → `SET user:1 …`; the frame may be cut off anywhere. */
export function showCommand(frame: Buffer): string {
  const count = numberAt(frame, 0);
  if (frame[0] !== STAR || Number.isNaN(count)) return showBytes(frame);
  const words: string[] = [];
  let p = 3 + decimalDigits(count);
  while (words.length < Math.min(count, SHOWN_ARGUMENTS)) {
    const bytes = numberAt(frame, p);
    if (Number.isNaN(bytes)) break;
    p = frame.indexOf(LF, p) + 1;
    words.push(showBytes(frame.subarray(p, p + bytes)));
    p += bytes + 2;
    if (SECRETIVE.test(words[0]!)) break;
  }
  if (words.length < count) words.push('…');
  return words.join(' ');
}

/** What is not printable becomes \x.. */
export function showBytes(bytes: Buffer): string {
  const text = bytes
    .toString('latin1', 0, SHOWN_BYTES)
    .replace(/[^ -~]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return bytes.length > SHOWN_BYTES ? `${text}…` : text;
}

/** The number of a line such as `$12\r\n`, behind its first byte; NaN if it is none. */
function numberAt(frame: Buffer, p: number): number {
  const line = /^.(\d+)\r\n/s.exec(frame.toString('latin1', p, p + 16));
  return line === null ? Number.NaN : Number(line[1]);
}
