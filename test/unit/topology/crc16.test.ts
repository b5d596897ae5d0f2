import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crc16, keySlot, SLOT_COUNT, tagForSlot } from '../../../src/topology/crc16.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { RawRedis } from '../commands/raw-redis.js';

function slotOf(key: string | Buffer): number {
  const bytes = Buffer.from(key);
  return keySlot(Buffer.concat([Buffer.from('{x}'), bytes, Buffer.from('{y}')]), 3, 3 + bytes.length);
}

describe('keySlot', () => {
  it('is CRC16 XMODEM', () => {
    expect(crc16(Buffer.from('123456789'), 0, 9)).toBe(0x31c3);
    expect(slotOf('')).toBe(0);
    expect(slotOf('foo')).toBe(12182);
  });

  it.each([
    ['{user1000}.following', 'user1000'],
    ['foo{{bar}}zap', '{bar'],
    ['foo{bar}{zap}', 'bar'],
    ['a}b{c}', 'c'],
  ])('takes the tag of %s', (key, tag) => {
    expect(slotOf(key)).toBe(crc16(Buffer.from(tag), 0, tag.length) % SLOT_COUNT);
  });

  it.each(['foo{}{bar}', '{}', 'a{b', 'a}b'])('takes the whole of %s', (key) => {
    expect(slotOf(key)).toBe(crc16(Buffer.from(key), 0, key.length) % SLOT_COUNT);
  });
});

describe('eight bytes at a time', () => {
  /** As the specification has it: bit by bit. */
  function slowly(bytes: Uint8Array): number {
    let crc = 0;
    for (const byte of bytes) {
      crc ^= byte << 8;
      for (let bit = 0; bit < 8; bit++)
        crc = (crc & 0x8000) !== 0 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
    }
    return crc;
  }

  it('is the same as bit by bit, for keys of any length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expect(crc16(bytes, 0, bytes.length)).toBe(slowly(bytes));
        const plain = bytes.filter((byte) => byte !== 0x7b);
        expect(slotOf(Buffer.from(plain))).toBe(slowly(plain) % SLOT_COUNT);
      }),
    );
  });

  it('sees a hash tag wherever it begins and ends', () => {
    for (let length = 2; length <= 27; length++) {
      for (let open = 0; open < length - 1; open++) {
        for (let close = open + 1; close < length; close++) {
          const key = Buffer.alloc(length, 'k');
          key[open] = 0x7b;
          key[close] = 0x7d;
          const hashed = close > open + 1 ? key.subarray(open + 1, close) : key;
          expect(slotOf(key)).toBe(slowly(hashed) % SLOT_COUNT);
        }
      }
    }
  });
});

describe('keySlot and the server', () => {
  let server: RedisServer;
  let redis: RawRedis;

  beforeAll(async () => {
    server = await startRedis({ args: ['--cluster-enabled', 'yes'] });
    redis = await RawRedis.open(server.port);
  });

  afterAll(async () => {
    redis.close();
    await server.stop();
  });

  it('agree on any key', async () => {
    const piece = fc.oneof(fc.constantFrom('{', '}', '{}', 'a', '\0'), fc.string({ unit: 'binary' }));
    const key = fc.array(piece, { maxLength: 8 }).map((pieces) => Buffer.from(pieces.join('')));
    await fc.assert(
      fc.asyncProperty(key, async (bytes) => {
        expect(slotOf(bytes)).toBe((await redis.send(['CLUSTER', 'KEYSLOT', bytes])).value);
      }),
      { numRuns: 500 },
    );
  });
});

describe('tagForSlot', () => {
  it('gives a short text for every slot', () => {
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const tag = tagForSlot(slot);
      expect(tag.length).toBeLessThanOrEqual(4);
      expect(slotOf(`prefix{${tag}}rest`)).toBe(slot);
    }
  });

  it('is always the same text', () => {
    expect(tagForSlot(0)).toBe(tagForSlot(0));
    expect(tagForSlot(16383)).toBe(tagForSlot(16383));
  });

  it.each([-1, 16384, 1.5, Number.NaN])('knows no slot %s', (slot) => {
    expect(() => tagForSlot(slot)).toThrow(RangeError);
  });
});
