/**
 * A load of GETs and SETs of its own, where redis-benchmark has no way: a rate that does not depend on the replies, a mix of
 * commands, microseconds, or figures of a part of a run.
 *
 *   perSecond > 0    so many commands a second, spread over the clients in turn, whether or not replies come
 *   perSecond = 0    each client sends its next batch when the one before is answered
 *
 * `go` and `halt` begin and end it; `window` answers with what was since the last one and begins anew.
 */
import { LoadClient } from './client.js';
import { Latencies } from './latencies.js';
import { makeBatches, type RequestMix } from './requests.js';

export interface LoadOptions extends RequestMix {
  readonly port: number;
  readonly clients: number;
  readonly perSecond: number;
}

export interface LoadWindow {
  readonly seconds: number;
  readonly replies: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  /** the longest time in which nobody was answered */
  readonly silenceMs: number;
  readonly failures: number;
  /** the first of them */
  readonly failure: string;
}

const TICK_MS = 1;
/** After a stall of the generator itself it does not catch up with more than this. */
const CATCH_UP_MS = 50;
const HALT_PATIENCE_MS = 10_000;

export class Load {
  private readonly latencies = new Latencies();
  private readonly clients: LoadClient[];
  private readonly batches: Buffer[];
  private isRunning = false;
  private nextBatch = 0;
  private nextClient = 0;
  private owed = 0;
  private tickedMs = 0;
  private windowMs = 0;
  private answeredMs = 0;
  private silenceMs = 0;
  private failures = 0;
  private failure = '';

  constructor(private readonly options: LoadOptions) {
    const { port, clients, pipeline } = options;
    this.batches = makeBatches(options);
    const events = {
      answered: (client: LoadClient): void => this.answered(client),
      failed: (what: string): void => {
        this.failures++;
        this.failure ||= what;
      },
    };
    this.clients = Array.from({ length: clients }, () => new LoadClient(port, pipeline, this.latencies, events));
  }

  async connected(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.connected()));
  }

  go(): void {
    this.isRunning = true;
    this.tickedMs = performance.now();
    this.owed = 0;
    this.window();
    if (this.options.perSecond > 0) this.tick();
    else for (const client of this.clients) this.sendBatch(client);
  }

  /** Resolves when everything is answered. */
  async halt(): Promise<void> {
    this.isRunning = false;
    const deadlineMs = performance.now() + HALT_PATIENCE_MS;
    while (this.clients.some(({ inFlight }) => inFlight > 0)) {
      if (performance.now() > deadlineMs) throw new Error('the last replies did not come');
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  window(): LoadWindow {
    const nowMs = performance.now();
    const { latencies } = this;
    this.silenceMs = Math.max(this.silenceMs, nowMs - this.answeredMs);
    const window = {
      seconds: (nowMs - this.windowMs) / 1000,
      replies: latencies.count,
      p50Ms: latencies.percentile(50),
      p99Ms: latencies.percentile(99),
      p999Ms: latencies.percentile(99.9),
      maxMs: latencies.maxMs,
      silenceMs: this.silenceMs,
      failures: this.failures,
      failure: this.failure,
    };
    latencies.reset();
    this.windowMs = performance.now();
    this.answeredMs = this.windowMs;
    this.silenceMs = 0;
    this.failures = 0;
    this.failure = '';
    return window;
  }

  close(): void {
    for (const client of this.clients) client.close();
  }

  private readonly tick = (): void => {
    if (!this.isRunning) return;
    const { perSecond, pipeline } = this.options;
    const nowMs = performance.now();
    this.owed += (Math.min(CATCH_UP_MS, nowMs - this.tickedMs) * perSecond) / 1000;
    this.tickedMs = nowMs;
    for (; this.owed >= pipeline; this.owed -= pipeline) {
      this.sendBatch(this.clients[this.nextClient]!);
      this.nextClient = (this.nextClient + 1) % this.clients.length;
    }
    setTimeout(this.tick, TICK_MS);
  };

  private answered(client: LoadClient): void {
    const nowMs = performance.now();
    if (nowMs - this.answeredMs > this.silenceMs) this.silenceMs = nowMs - this.answeredMs;
    this.answeredMs = nowMs;
    if (this.isRunning && this.options.perSecond === 0) this.sendBatch(client);
  }

  private sendBatch(client: LoadClient): void {
    client.send(this.batches[this.nextBatch]!);
    if (++this.nextBatch === this.batches.length) this.nextBatch = 0;
  }
}
