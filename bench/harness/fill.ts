/**
 * Fills a server with what the workloads read: SETs in pipelines, from this process, before anything is measured.
 * A Cluster is filled through Ferry, which knows where each key belongs.
 */
import { once } from 'node:events';
import { connect } from 'node:net';

const BATCH_COMMANDS = 500;

export interface Filling {
  readonly keys: number;
  readonly valueBytes: number;
  /** default: as redis-benchmark spells the i-th key */
  readonly keyOf?: (i: number) => string;
}

export async function fill(port: number, { keys, valueBytes, keyOf = benchmarkKey }: Filling): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const value = 'x'.repeat(valueBytes);
  let unanswered = 0;
  let failure = '';
  socket.on('data', (chunk) => {
    const text = chunk.toString('latin1');
    if (text.includes('-')) failure ||= text;
    // every reply is a line: +OK
    for (const byte of chunk) if (byte === 10) unanswered--;
    socket.emit('answered');
  });
  socket.once('close', () => {
    failure ||= 'the connection was closed';
    socket.emit('answered');
  });
  try {
    const perBatch = Math.max(1, Math.min(BATCH_COMMANDS, Math.floor((4 << 20) / (valueBytes + 64))));
    for (let i = 0; i < keys && failure === ''; ) {
      let batch = '';
      for (const end = Math.min(keys, i + perBatch); i < end; i++) {
        const key = keyOf(i);
        batch += `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${valueBytes}\r\n${value}\r\n`;
        unanswered++;
      }
      socket.write(batch);
      while (unanswered > BATCH_COMMANDS && failure === '') await once(socket, 'answered');
    }
    while (unanswered > 0 && failure === '') await once(socket, 'answered');
    if (failure !== '') throw new Error(`filling port ${port}: ${failure.trim()}`);
  } finally {
    socket.destroy();
  }
}

export function benchmarkKey(i: number): string {
  return `key:${String(i).padStart(12, '0')}`;
}
