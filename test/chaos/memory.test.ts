/**
 * A mirror that stalls while an application goes on writing at full speed, and a Ferry with little memory: bounded, then
 * repaired. The target is stopped (SIGSTOP), which is worse than dead: its connections stay open and take nothing more.
 *
 * Long: ten minutes at 20,000 writes a second with a heap of 512 MB. Short: some seconds with a smaller backlog, so that
 * its limit is reached too. Ferry is a process of its own, from the build.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { OPERATION_BYTES } from '../../src/ledger/operation.js';
import { differences } from '../history/compare.js';
import { encode } from '../history/resp.js';
import { FerryProcess } from '../integration/journey/process.js';
import { startRedis } from '../support/redis.js';
import { pause } from './node.js';
import { IS_LONG, Tally, totals } from './tally.js';

const STALL_MS = Number(process.env.FERRY_CHAOS_STALL_MS ?? (IS_LONG ? 600_000 : 2_000));
const WRITES_PER_SECOND = 20_000;
const HEAP_MB = 512;
/** Buffers are beside the heap; what the options bound, and as much again for the runtime and its garbage. */
const BACKLOG_MB = Number(process.env.FERRY_CHAOS_BACKLOG_MB ?? (IS_LONG ? 128 : 4));
/** Copies that the repair has begun are not counted against the backlog: they have a budget of their own. */
const COPIES_BYTES = 2 ** 20;
const MOST_MB = HEAP_MB + 2 * BACKLOG_MB + 256;
const TICK_MS = 10;
const KEYS = IS_LONG ? 150_000 : 30_000;
const VALUE = 'v'.repeat(100);
const OK = '+OK\r\n'.length;
const REPAIR_WITHIN_MS = IS_LONG ? 300_000 : 60_000;

it(`is bounded while the mirror stalls for ${STALL_MS / 1000} s, and repaired afterwards`, {
  retry: 0,
  timeout: 240_000 + STALL_MS + REPAIR_WITHIN_MS,
}, async () => {
  const tally = new Tally('memory');
  if (tally.has(0)) {
    expect(tally.report()).toBe('');
    return;
  }
  const [source, target] = await Promise.all([startRedis(), startRedis()]);
  const stateDir = mkdtempSync(join(tmpdir(), 'ferry-chaos-memory-'));
  const ferry = await FerryProcess.prepare(
    ['--source', source.url, '--target', target.url, '--state-dir', stateDir, '--phase', 'dual-write'].concat([
      '--mirror-backlog-bytes',
      `${BACKLOG_MB}MiB`,
    ]),
    [`--max-old-space-size=${HEAP_MB}`],
  );
  const wrong: string[] = [];
  try {
    await ferry.start();
    const writer = new Writer(ferry.port);
    await writer.run(1000);
    process.kill(target.pid, 'SIGSTOP');
    let backlog = 0;
    const look = setInterval(() => {
      ferry.status().then(
        ({ mirror }) => {
          backlog = Math.max(backlog, mirror.backlogBytes + mirror.backlogOps * OPERATION_BYTES);
        },
        () => {},
      );
    }, 200);
    await writer.run(STALL_MS);
    clearInterval(look);
    process.kill(target.pid, 'SIGCONT');
    await writer.run(1000);
    writer.end();
    await ferry.until(
      'the mirror is repaired',
      ({ mirror }) => mirror.backlogOps + mirror.dirtyKeys + mirror.dirtySlots === 0,
      REPAIR_WITHIN_MS,
    );
    const peakMb = Math.round(ferry.peakMiB());
    if (peakMb > MOST_MB) wrong.push(`${peakMb} MB, more than ${MOST_MB}`);
    if (backlog > BACKLOG_MB * 2 ** 20 + COPIES_BYTES) wrong.push(`a backlog of ${backlog} bytes`);
    if (backlog < (BACKLOG_MB * 2 ** 20) / 2) wrong.push(`the backlog was never near its limit: ${backlog} bytes`);
    if (writer.closes > 0) wrong.push(`${writer.closes} client connections were closed`);
    if (writer.errors > 0) wrong.push(`${writer.errors} replies were not OK`);
    const differing = await differences([source.port], [target.port], [0], (key) => key.startsWith('__ferry:'));
    wrong.push(...differing.slice(0, 5));
    tally.add({
      id: 0,
      runs: 1,
      acknowledgedWrites: writer.acknowledged,
      lost: 0,
      silentDifferences: differing.length,
      mirrorOnly: 1,
      unavailable: writer.closes + writer.errors > 0 ? 1 : 0,
      wrong,
      counts: { 'MB at the most': peakMb, 'bytes of backlog at the most': backlog },
    });
  } finally {
    await ferry.kill();
    await Promise.all([source.stop(), target.stop()]);
    rmSync(stateDir, { recursive: true, force: true });
  }
  console.log(totals('memory', tally.results));
  expect(tally.report()).toBe('');
});

/** SETs, pipelined, at a fixed rate; fewer if their replies do not keep up. */
class Writer {
  acknowledged = 0;
  errors = 0;
  closes = 0;
  private sent = 0;
  private answeredBytes = 0;
  private readonly socket: Socket;
  private ended = false;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      if (!this.ended) this.closes++;
    });
    this.socket.on('data', (chunk: Buffer) => {
      this.answeredBytes += chunk.length;
      this.acknowledged = Math.floor(this.answeredBytes / OK);
      // each reply is +OK: five bytes, and a dash is in none of them
      if (chunk.includes('-')) this.errors++;
    });
  }

  async run(ms: number): Promise<void> {
    const fromMs = performance.now();
    const sentBefore = this.sent;
    for (let nowMs = fromMs; nowMs < fromMs + ms; nowMs = performance.now()) {
      const due = ((nowMs - fromMs) / 1000) * WRITES_PER_SECOND - (this.sent - sentBefore);
      const room = WRITES_PER_SECOND / 2 - (this.sent - this.acknowledged);
      const count = Math.max(0, Math.min(due, room));
      let bytes = '';
      for (let i = 0; i < count; i++, this.sent++)
        bytes += encode(['SET', `key:${this.sent % KEYS}`, `${this.sent} ${VALUE}`]);
      if (bytes !== '') this.socket.write(bytes, 'latin1');
      await pause(TICK_MS);
    }
    while (this.acknowledged < this.sent && this.closes === 0) await pause(TICK_MS);
  }

  end(): void {
    this.ended = true;
    this.socket.destroy();
  }
}
