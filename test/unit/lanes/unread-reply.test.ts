/** A reply that is well formed, and none that its command can have: its sender hears that it is lost, like all behind it. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { Lane, type LaneEntry } from '../../../src/lanes/lane.js';
import { ReplyError } from '../../../src/resp/reply.js';

let server: Server | null = null;
let lane: Lane | null = null;
const sockets: Socket[] = [];

afterEach(async () => {
  lane?.close();
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.close();
  if (server !== null) await once(server, 'close');
});

/** A lane to a server that answers each connection's first bytes with `replies`. */
async function laneTo(replies: string): Promise<Lane> {
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.once('data', () => socket.write(replies));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  lane = new Lane({ name: 'test', address: { host: '127.0.0.1', port }, handshake: () => [] });
  return lane;
}

function entry(name: string, heard: string[], onReply: (text: string) => void = () => {}): LaneEntry {
  return {
    streams: false,
    onReply(buf, start, end) {
      onReply(buf.toString('latin1', start, end));
      heard.push(`${name} answered`);
    },
    onPiece() {},
    onLost(sent) {
      heard.push(`${name} lost${sent ? ', sent' : ''}`);
    },
  };
}

async function sendThree(on: Lane, heard: string[], second: LaneEntry): Promise<void> {
  const frame = Buffer.from('*1\r\n$4\r\nPING\r\n');
  for (const one of [entry('first', heard), second, entry('third', heard)]) on.send(one, frame, 0, frame.length);
  const deadline = Date.now() + 5000;
  while (heard.length < 3 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
}

it('loses the command whose reply cannot be read, and those behind it, in order', async () => {
  const heard: string[] = [];
  const second = entry('second', heard, () => {
    throw new ReplyError('an array reply was expected');
  });
  await sendThree(await laneTo('+OK\r\n:7\r\n+OK\r\n'), heard, second);
  expect(heard).toEqual(['first answered', 'second lost, sent', 'third lost, sent']);
  expect(lane!.lastError).toContain('unintelligible reply');
});

it('takes no RESP3 type on a connection that speaks RESP2', async () => {
  for (const type of ['>1\r\n', '|1\r\n+key\r\n', '_\r\n']) {
    const heard: string[] = [];
    await sendThree(await laneTo(`+OK\r\n${type}+OK\r\n`), heard, entry('second', heard));
    expect(heard).toEqual(['first answered', 'second lost, sent', 'third lost, sent']);
    lane!.close();
    server!.close();
  }
});
