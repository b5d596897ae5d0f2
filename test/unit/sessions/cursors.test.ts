/** Ways to diverge 19: whose a cursor is. The journey through real servers: integration/divergence. */
import { describe, expect, it } from 'vitest';
import { cursorOf, markCursor, nodeAfter, placeOf } from '../../../src/sessions/cursors.js';

const OF_TARGET = 2 ** 47;

function cursorToSend(cursor: string, authority: 'source' | 'target'): string {
  return placeOf(cursor, authority, null).cursor;
}

function marked(reply: string): string {
  return markCursor(Buffer.from(reply, 'latin1'), 'target').toString('latin1');
}

describe('ways to diverge 19: cursors', () => {
  it("19: the source's are as they are while it has the authority", () => {
    for (const cursor of ['0', '1', '3072', '70368744177663']) expect(cursorToSend(cursor, 'source')).toBe(cursor);
  });

  it("19: the target's come back as it made them", () => {
    expect(cursorToSend('0', 'target')).toBe('0');
    expect(cursorToSend(String(OF_TARGET + 3072), 'target')).toBe('3072');
  });

  it('19: one of the other side begins anew', () => {
    expect(cursorToSend('3072', 'target')).toBe('0');
    expect(cursorToSend(String(OF_TARGET + 3072), 'source')).toBe('0');
  });

  it('19: what is no cursor goes to the server, which says so', () => {
    for (const text of ['', 'x', '-1', '1.5', '0x10', '18446744073709551615', '00']) {
      expect(cursorToSend(text, 'source')).toBe(text);
      expect(cursorToSend(text, 'target')).toBe(text);
    }
  });

  it('19: marks the cursor of a reply, and nothing else in it', () => {
    const rest = '\r\n*1\r\n$4\r\n1\r\n2\r\n';
    const cursor = String(OF_TARGET + 17);
    expect(marked(`*2\r\n$2\r\n17${rest}`)).toBe(`*2\r\n$${cursor.length}\r\n${cursor}${rest}`);
    for (const reply of [`*2\r\n$1\r\n0${rest}`, '-WRONGTYPE Operation against a key\r\n', '*0\r\n', '$2\r\n17\r\n']) {
      expect(marked(reply)).toBe(reply);
    }
  });

  it('19: stays exact in a client that keeps cursors in doubles', () => {
    expect(OF_TARGET + (OF_TARGET - 1)).toBeLessThan(Number.MAX_SAFE_INTEGER);
  });

  it('19: of a side with several nodes it says which one, and where that one goes on', () => {
    for (const authority of ['source', 'target'] as const) {
      for (const place of [
        { cursor: '17', node: 0 },
        { cursor: '0', node: 1 },
        { cursor: String(2 ** 36 - 1), node: 2047 },
      ]) {
        const cursor = cursorOf(place, authority, 40);
        expect(placeOf(cursor, authority, 40)).toEqual(place);
        expect(Number(cursor)).toBeLessThan(Number.MAX_SAFE_INTEGER);
      }
    }
  });

  it('19: begins anew when the nodes are others, or another side has the authority', () => {
    const cursor = cursorOf({ cursor: '17', node: 3 }, 'source', 7);
    expect(placeOf(cursor, 'source', 8)).toEqual({ cursor: '0', node: 0 });
    expect(placeOf(cursor, 'target', 7)).toEqual({ cursor: '0', node: 0 });
    expect(placeOf('17', 'source', 7)).toEqual({ cursor: '0', node: 0 });
  });

  it('19: one node after the other, and over behind the last', () => {
    const reply = (cursor: string): Buffer => Buffer.from(`*2\r\n$${cursor.length}\r\n${cursor}\r\n*0\r\n`);
    const between = markCursor(reply('0'), 'source', 5, 0, 1).toString('latin1').split('\r\n')[2]!;
    expect(placeOf(between, 'source', 5)).toEqual({ cursor: '0', node: 1 });
    expect(markCursor(reply('0'), 'target', 5, 2, 0)).toEqual(reply('0'));
  });

  it('19: an end that was told while keys went elsewhere is none', () => {
    const reply = Buffer.from('*2\r\n$1\r\n0\r\n*0\r\n');
    const cursor = markCursor(reply, 'source', 5, 2, 0, true).toString('latin1').split('\r\n')[2]!;
    expect(cursor).not.toBe('0');
    expect(placeOf(cursor, 'source', 6)).toEqual({ cursor: '0', node: 0 });
  });

  it('19: a cursor that another node gave begins anew, although no slot has another owner', () => {
    for (const version of [0, 5, 31]) {
      const reply = Buffer.from('*2\r\n$2\r\n17\r\n*0\r\n');
      const cursor = markCursor(reply, 'source', version, 1, 0, true).toString('latin1').split('\r\n')[2]!;
      for (const later of [version, version + 1]) {
        expect(placeOf(cursor, 'source', later)).toEqual({ cursor: '0', node: 0 });
      }
    }
  });

  it('19: all nodes once, or twice while slots are on their way', () => {
    const walk = (hasMovingSlots: boolean): number[] => [0, 1, 2, 3, 4, 5].map((n) => nodeAfter(n, 3, hasMovingSlots));
    expect(walk(true)).toEqual([1, 2, 3, 4, 5, 0]);
    // what began twice ends so
    expect(walk(false)).toEqual([1, 2, 0, 4, 5, 0]);
  });
});
