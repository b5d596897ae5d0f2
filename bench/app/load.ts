/**
 * The load: autocannon's connections, each sending its own random sequence of requests as fast as they are answered.
 *
 * One continuous run, cut into steps by `mark`: a response belongs to the step in which it arrived. `pause` lets go of
 * the connections (a request in flight then is the shop's to finish and nobody's to count); `resume` goes on.
 * Latencies are kept as they are, so the percentiles are exact.
 */
import autocannon from 'autocannon';
import { seededRandom } from '../dataset/random.js';
import { traffic } from './traffic.js';

export interface LoadStep {
  step: string;
  requests: number;
  non2xx: number;
  errors: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  seconds: number;
}

export interface LoadTotals {
  requests: number;
  non2xx: number;
  errors: number;
}

export interface LoadOptions {
  url: string;
  connections: number;
  seed: number;
}

const REQUESTS_PER_CONNECTION = 400;
const FOR_EVER_SECONDS = 24 * 3600;
/** how often autocannon looks whether it should stop */
const SAMPLE_INTERVAL_MS = 100;

export class Load {
  readonly totals: LoadTotals = { requests: 0, non2xx: 0, errors: 0 };
  private readonly steps: StepSamples[] = [];
  private current: StepSamples;
  private running: autocannon.Instance | null = null;
  private ended: Promise<void> = Promise.resolve();
  private rounds = 0;

  constructor(private readonly options: LoadOptions) {
    this.current = this.mark('start');
  }

  /** From now on responses count for this step; steps of one name are one. */
  mark(step: string): StepSamples {
    this.current?.leave();
    this.current = this.steps.find((one) => one.step === step) ?? new StepSamples(step);
    if (!this.steps.includes(this.current)) this.steps.push(this.current);
    this.current.enter();
    return this.current;
  }

  resume(): void {
    if (this.running !== null) return;
    const seed = this.options.seed + 7919 * this.rounds++;
    let connection = 0;
    let ended = (): void => {};
    this.ended = new Promise((resolve) => (ended = resolve));
    const options: autocannon.Options = {
      url: this.options.url,
      connections: this.options.connections,
      duration: FOR_EVER_SECONDS,
      sampleInt: SAMPLE_INTERVAL_MS,
      setupClient: (client) => {
        const requests = traffic(seededRandom(seed + connection++));
        client.setRequests(Array.from({ length: REQUESTS_PER_CONNECTION }, () => requests.next().value));
      },
    };
    const instance = autocannon(options, () => ended());
    instance.on('response', (_client, statusCode, _bytes, milliseconds) => this.answered(statusCode, milliseconds));
    instance.on('reqError', () => this.failed());
    this.current.enter();
    this.running = instance;
  }

  async pause(): Promise<void> {
    if (this.running === null) return;
    this.running.stop();
    await this.ended;
    this.running = null;
    this.current.leave();
  }

  /** The steps in which anything was answered, in the order in which they began. */
  report(): LoadStep[] {
    return this.steps.filter((one) => one.requests + one.errors > 0).map((one) => one.summary());
  }

  private answered(statusCode: number, milliseconds: number): void {
    const ok = statusCode >= 200 && statusCode < 300;
    this.totals.requests++;
    if (!ok) this.totals.non2xx++;
    this.current.add(ok, milliseconds);
  }

  private failed(): void {
    this.totals.errors++;
    this.current.errors++;
  }
}

class StepSamples {
  requests = 0;
  non2xx = 0;
  errors = 0;
  private readonly latenciesMs: number[] = [];
  private enteredAtMs = 0;
  private elapsedMs = 0;

  constructor(readonly step: string) {}

  enter(): void {
    if (this.enteredAtMs === 0) this.enteredAtMs = Date.now();
  }

  leave(): void {
    if (this.enteredAtMs > 0) this.elapsedMs += Date.now() - this.enteredAtMs;
    this.enteredAtMs = 0;
  }

  add(ok: boolean, milliseconds: number): void {
    this.requests++;
    if (!ok) this.non2xx++;
    this.latenciesMs.push(milliseconds);
  }

  summary(): LoadStep {
    const sorted = Float64Array.from(this.latenciesMs).sort();
    const at = (share: number): number =>
      Math.round((sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0) * 100) / 100;
    const elapsedMs = this.elapsedMs + (this.enteredAtMs > 0 ? Date.now() - this.enteredAtMs : 0);
    return {
      step: this.step,
      requests: this.requests,
      non2xx: this.non2xx,
      errors: this.errors,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      maxMs: at(1),
      seconds: Math.round(elapsedMs / 10) / 100,
    };
  }
}
