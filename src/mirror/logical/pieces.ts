/**
 * Piece sizes: how much of a big key is asked for at once, and how many elements one rebuilding command carries.
 */
import type { Args } from './replies.js';

const FIRST_ELEMENTS = 16;
const GROWTH = 8;
/** Old servers accept 1,048,576 arguments a command; far fewer keep each command short for the server's event loop. */
const COMMAND_ELEMENTS = 512;
const COMMAND_BYTES = 1 << 20;

/**
 * The number of elements to ask for next, so that a reply stays near `maxBytes` although only the server knows how
 * big the elements are. It starts small, grows at most eightfold from piece to piece, and follows the mean size of
 * the last piece. A single element may be bigger than the limit: there is no smaller piece than one.
 */
export class PieceSize {
  count: number;

  constructor(
    private readonly maxElements: number,
    private readonly maxBytes: number,
    firstElements = FIRST_ELEMENTS,
  ) {
    this.count = Math.max(1, Math.min(maxElements, firstElements));
  }

  /** What the last piece held. */
  observe(elements: number, bytes: number): void {
    const fitting =
      elements === 0 ? Number.POSITIVE_INFINITY : Math.floor((this.maxBytes * elements) / Math.max(1, bytes));
    this.count = Math.max(1, Math.min(this.maxElements, this.count * GROWTH, fitting));
  }
}

/**
 * `head` followed by the values, in as many commands as are needed: [RPUSH k] + [a b c] → RPUSH k a b c.
 * `stride` values belong together (2 for field and value) and are never parted. No values: no command.
 */
export function splitCommand(head: Args, values: readonly (Buffer | string)[], stride = 1): Args[] {
  const commands: Args[] = [];
  let command = [...head];
  let bytes = 0;
  for (let i = 0; i < values.length; i += stride) {
    let size = 0;
    for (let j = i; j < i + stride; j++) size += values[j].length;
    const elements = (command.length - head.length) / stride;
    if (elements > 0 && (elements === COMMAND_ELEMENTS || bytes + size > COMMAND_BYTES)) {
      commands.push(command);
      command = [...head];
      bytes = 0;
    }
    for (let j = i; j < i + stride; j++) command.push(values[j]);
    bytes += size;
  }
  if (command.length > head.length) commands.push(command);
  return commands;
}
