/** What the clients send: batches of so many commands, made before anything is measured, in an order that a seed decides. */
import { seededRandom } from '../dataset/random.js';
import { benchmarkKey } from '../harness/fill.js';

export interface RequestMix {
  readonly keys: number;
  readonly valueBytes: number;
  /** of the commands that are GETs, 0 to 1; the others are SETs */
  readonly getShare: number;
  /** commands in a batch */
  readonly pipeline: number;
  readonly seed: number;
}

const COMMANDS = 16_384;

export function makeBatches({ keys, valueBytes, getShare, pipeline, seed }: RequestMix): Buffer[] {
  const random = seededRandom(seed);
  const value = 'y'.repeat(valueBytes);
  const command = (): string => {
    const key = benchmarkKey(Math.floor(random() * keys));
    return random() < getShare
      ? `*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`
      : `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${valueBytes}\r\n${value}\r\n`;
  };
  // big values: fewer of them
  const count = Math.max(64, Math.min(COMMANDS, Math.floor((16 << 20) / (valueBytes + 64)))) / pipeline;
  return Array.from({ length: Math.ceil(count) }, () =>
    Buffer.from(Array.from({ length: pipeline }, command).join('')),
  );
}
