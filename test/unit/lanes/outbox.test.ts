import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Outbox, settleBorrowed } from '../../../src/lanes/outbox.js';

let server: Server;
const ends: Socket[] = [];

beforeEach(async () => {
  server = createServer((socket) => ends.push(socket.pause()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(() => {
  for (const socket of ends.splice(0)) socket.destroy();
  server.close();
});

async function pair(): Promise<{ socket: Socket; end: Socket }> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  while (!ends.some((end) => end.remotePort === socket.localPort)) await new Promise(setImmediate);
  ends.push(socket);
  return { socket, end: ends.find((end) => end.remotePort === socket.localPort)! };
}

/** Counts and hashes what comes. */
function reads(end: Socket): { bytes: number; hash: Hash } {
  const seen = { bytes: 0, hash: createHash('sha1') };
  end.on('data', (chunk: Buffer) => {
    seen.bytes += chunk.length;
    seen.hash.update(chunk);
  });
  return seen;
}

const SIZES = [3, 47, 48, 500, 16_383, 16_384, 65_536, 65_537, 200_000];

test('blocks that connections share, fast ones and slow ones, carry no byte of another one', async () => {
  const connections = await Promise.all(
    Array.from({ length: 8 }, async (_, i) => {
      const { socket, end } = await pair();
      const sent = { bytes: 0, hash: createHash('sha1') };
      const seen = reads(end);
      if (i % 2 === 1) end.pause(); // its bytes wait in the socket's queue while others' leave
      return { outbox: new Outbox(), socket, end, sent, seen, fill: 65 + i };
    }),
  );
  for (let round = 0; round < 120; round++) {
    for (const { outbox, socket, sent, fill } of connections) {
      for (let i = 0; i <= round % 5; i++) {
        const length = SIZES[(round * 5 + i * 3 + fill) % SIZES.length]!;
        const piece = Buffer.alloc(length + 2, fill);
        piece.fill((round + i) & 0x1f, 1, 3);
        if ((round + i) % 3 === 0) outbox.appendStable(piece, 1, 1 + length);
        else outbox.append(piece, 1, 1 + length);
        sent.hash.update(piece.subarray(1, 1 + length));
        sent.bytes += length;
        if ((round + i) % 3 !== 0) piece.fill(0);
      }
      outbox.flushTo(socket);
      expect(outbox.pendingBytes).toBe(0);
    }
    if (round % 3 === 0) await new Promise(setImmediate);
  }
  for (const { end, seen, sent } of connections) {
    end.resume();
    while (seen.bytes < sent.bytes) await once(end, 'data');
    expect(seen.hash.digest('hex')).toBe(sent.hash.digest('hex'));
  }
});

test('what waited for a connection that broke stays out of the next one', async () => {
  const outbox = new Outbox();
  const first = await pair();
  for (let i = 0; i < 100; i++) {
    outbox.append(Buffer.alloc(70_000, 'a'), 0, 70_000);
    outbox.append(Buffer.alloc(40_000, 'a'), 0, 40_000);
    outbox.flushTo(first.socket);
  }
  expect(first.socket.writableLength).toBeGreaterThan(0);
  outbox.append(Buffer.alloc(100_000, 'a'), 0, 100_000);
  first.socket.on('error', () => {});
  first.socket.destroy();
  outbox.clear();
  expect(outbox.pendingBytes).toBe(0);

  const second = await pair();
  const seen = reads(second.end);
  second.end.resume();
  const sent = createHash('sha1');
  for (let i = 0; i < 100; i++) {
    const piece = Buffer.alloc(60_000 + i, 98 + (i % 20));
    outbox.append(piece, 0, piece.length);
    sent.update(piece);
    outbox.flushTo(second.socket);
    if (i % 10 === 0) await new Promise(setImmediate);
  }
  const total = 100 * 60_000 + (100 * 99) / 2;
  while (seen.bytes < total) await once(second.end, 'data');
  expect(seen.hash.digest('hex')).toBe(sent.digest('hex'));
});

test('what is borrowed, kept and copied comes out in order, whatever overwrites its buffer afterwards', () => {
  const outboxes = [new Outbox(), new Outbox(), new Outbox()];
  const wanted = ['', '', ''];
  const sent: Buffer[][] = [[], [], []];
  const read = Buffer.alloc(4096);
  const flush = (box: number): void => {
    // a socket that takes everything at once
    const taker = new Writable({
      write(chunk: Buffer, _encoding, done) {
        sent[box]!.push(Buffer.from(chunk));
        done();
      },
    });
    outboxes[box]!.flushTo(taker as Socket);
  };
  let number = 0;
  for (let round = 0; round < 2000; round++) {
    let at = 0;
    for (let i = 0; i < 20; i++) {
      const box = ((number * 7 + (round % 3)) % 5) % 3;
      const text = `${number++};`;
      const end = at + read.write(text, at);
      if (number % 10 < 7) outboxes[box]!.appendBorrowed(read, at, end);
      else if (number % 10 < 8) outboxes[box]!.append(read, at, end);
      else outboxes[box]!.appendStable(Buffer.from(text), 0, text.length);
      at = end;
      wanted[box] += text;
      if (number % 13 === 0) flush(box);
    }
    settleBorrowed();
    read.fill('X');
  }
  for (let box = 0; box < 3; box++) {
    flush(box);
    expect(Buffer.concat(sent[box]!).toString()).toBe(wanted[box]);
  }
});
