/**
 * Mutated protocol streams, cheap enough for millions: a few valid frames from a corpus, glued together and damaged one to
 * four times. Every stream is a Buffer of its own, since a scanner keeps what it is given.
 *
 * Damage: a byte is another one, or one that means something to the protocol; a digit changes; bytes are missing, doubled,
 * swapped or cut off at the end; a piece of another frame stands in the middle.
 */
import type { Random } from '../../history/random.js';

const MEANINGFUL = Buffer.from('\r\n$*+-:0123456789_#,(!=%~>| \0"\'\\x', 'latin1');
const CARRIAGE_RETURN = 13;

export class Mutator {
  private readonly corpus: readonly Buffer[];
  private readonly room = Buffer.alloc(64 * 1024);
  private used = 0;

  constructor(
    frames: readonly string[],
    private readonly random: Random,
  ) {
    this.corpus = frames.map((frame) => Buffer.from(frame, 'latin1'));
  }

  /** `intact`: now and then nothing is damaged, so that valid streams are among them. */
  next(maxFrames = 3): Buffer {
    const { random } = this;
    this.used = 0;
    for (let left = random.between(1, maxFrames); left > 0; left--) this.append(random.pick(this.corpus));
    for (let left = random.below(5); left > 0 && this.used > 0; left--) this.damage();
    return Buffer.from(this.room.subarray(0, this.used));
  }

  /** Damages a stream that somebody else made. */
  damaged(bytes: Buffer): Buffer {
    this.used = 0;
    this.append(bytes.subarray(0, this.room.length >> 1));
    this.damage();
    return Buffer.from(this.room.subarray(0, this.used));
  }

  private append(bytes: Buffer): void {
    bytes.copy(this.room, this.used);
    this.used += bytes.length;
  }

  private damage(): void {
    const { random, room } = this;
    const at = random.below(this.used);
    switch (random.below(8)) {
      case 0:
        room[at] = random.below(256);
        break;
      case 1:
        room[at] = MEANINGFUL[random.below(MEANINGFUL.length)]!;
        break;
      case 2:
        this.changeDigit(at);
        break;
      case 3: {
        const count = Math.min(1 + random.below(6), this.used - at);
        room.copyWithin(at, at + count, this.used);
        this.used -= count;
        break;
      }
      case 4:
        this.insert(at, room.subarray(at, Math.min(this.used, at + 1 + random.below(12))));
        break;
      case 5: {
        const other = random.below(this.used);
        const byte = room[at]!;
        room[at] = room[other]!;
        room[other] = byte;
        break;
      }
      case 6:
        this.used = at;
        break;
      default: {
        const frame = random.pick(this.corpus);
        const from = random.below(frame.length);
        this.insert(at, frame.subarray(from, from + 1 + random.below(16)));
      }
    }
  }

  /** The next digit behind `from`, if there is one: lengths and counts. */
  private changeDigit(from: number): void {
    for (let at = from; at < this.used && this.room[at] !== CARRIAGE_RETURN; at++) {
      const byte = this.room[at]!;
      if (byte < 0x30 || byte > 0x39) continue;
      this.room[at] = 0x30 + this.random.below(10);
      return;
    }
  }

  private insert(at: number, bytes: Buffer): void {
    const copy = Buffer.from(bytes);
    this.room.copyWithin(at + copy.length, at, this.used);
    copy.copy(this.room, at);
    this.used += copy.length;
  }
}

/** Offsets at which a stream of `length` bytes is cut, in order; often none. */
export function cutsOf(random: Random, length: number): number[] {
  if (length < 2 || random.oneIn(3)) return [];
  return Array.from({ length: random.between(1, 3) }, () => random.below(length)).sort((a, b) => a - b);
}
