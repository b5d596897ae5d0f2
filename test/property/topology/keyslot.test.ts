/** The slot of a key is what a real cluster node says, for random bytes that are full of braces. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { keySlot } from '../../../src/topology/crc16.js';
import { Random } from '../../history/random.js';
import { Pipe } from '../../integration/journey/pipe.js';
import { type RedisServer, startRedis } from '../../support/redis.js';

const KEYS = 100_000;
const KEYS_PER_BATCH = 5_000;
const SEED = 7;
const MAX_PIECES = 8;

/** What a key is put together from; '' stands for a few random bytes. */
const PIECES = ['{', '}', '{}', '{{', '}}', '{a}', '{a{b}c}', '\0', '\r\n', '{\0}', '{\r\n}', 'user', ''];

let server: RedisServer;
let pipe: Pipe;

beforeAll(async () => {
  server = await startRedis({ args: ['--cluster-enabled', 'yes'] });
  pipe = await Pipe.open(server.port);
});

afterAll(async () => {
  pipe?.close();
  await server?.stop();
});

function randomKey(random: Random): Buffer {
  const pieces = Array.from({ length: random.below(MAX_PIECES + 1) }, () => {
    const piece = random.pick(PIECES);
    return piece === '' ? randomBytes(random) : Buffer.from(piece, 'latin1');
  });
  return Buffer.concat(pieces);
}

function randomBytes(random: Random): Buffer {
  return Buffer.from(Array.from({ length: random.between(1, 12) }, () => random.below(256)));
}

/** The key's slot where it is part of something longer, whose braces must not count. */
function slotInside(key: Buffer): number {
  return keySlot(Buffer.concat([Buffer.from('{x}'), key, Buffer.from('}{y}')]), 3, 3 + key.length);
}

it(`agrees with CLUSTER KEYSLOT on ${KEYS} keys`, async () => {
  const random = new Random(SEED);
  let tagged = 0;
  for (let done = 0; done < KEYS; done += KEYS_PER_BATCH) {
    const keys = Array.from({ length: KEYS_PER_BATCH }, () => randomKey(random));
    const replies = await pipe.batch(keys.map((key) => ['CLUSTER', 'KEYSLOT', key]));
    for (const [i, key] of keys.entries()) {
      if (key.includes('{')) tagged++;
      if (String(slotInside(key)) !== replies[i]) {
        expect.fail(`${JSON.stringify(key.toString('latin1'))}: ${slotInside(key)}, and the server says ${replies[i]}`);
      }
    }
  }
  expect(tagged).toBeGreaterThan(KEYS / 2);
});
