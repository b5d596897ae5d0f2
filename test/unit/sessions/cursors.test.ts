/** Ways to diverge 19: whose a cursor is. The journey through real servers: integration/divergence. */
import { describe, expect, it } from 'vitest';
import { cursorToSend, markCursor } from '../../../src/sessions/cursors.js';

const OF_TARGET = 2 ** 47;

function marked(reply: string): string {
  return markCursor(Buffer.from(reply, 'latin1')).toString('latin1');
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
});
