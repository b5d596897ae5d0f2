/**
 * The application and its load as processes: the shop of bench/app, which gets one connection string, and autocannon,
 * which does not stop between phases.
 */
import type { Audit } from '../../../bench/app/audit.js';
import type { LoadStep, LoadTotals } from '../../../bench/app/load.js';
import type { LoadMessage, LoadOrder } from '../../../bench/app/load-main.js';
import type { RecordSummary } from '../../../bench/app/server.js';
import { Child } from './child.js';
import type { Cleanup } from './cleanup.js';
import { until } from './waiting.js';

const START_TIMEOUT_MS = 20_000;
const QUIET_TIMEOUT_MS = 15_000;
const APP = new URL('../../../bench/app/main.js', import.meta.url).pathname;
const LOAD = new URL('../../../bench/app/load-main.js', import.meta.url).pathname;

export class ShopProcess {
  readonly child: Child;
  private url = '';

  constructor(redisUrl: string, cleanup: Cleanup) {
    const env = { ...process.env, SHOP_REDIS_URL: redisUrl, SHOP_PORT: '0' };
    this.child = new Child('the application', process.execPath, [APP], { env, ipc: true }, cleanup);
    this.child.process.on('message', (message) => {
      this.url = (message as { url: string }).url;
    });
  }

  /** Its address, once it serves. */
  async ready(): Promise<string> {
    const serving = until('the application', START_TIMEOUT_MS, async () => this.url !== '' || !this.child.running);
    await Promise.race([this.child.ended, serving]);
    return this.url;
  }

  async record(): Promise<RecordSummary> {
    return (await fetch(`${this.url}/record`)).json() as Promise<RecordSummary>;
  }

  /** Resolves when no request is in flight any more. */
  async quiet(): Promise<void> {
    await until('the last requests of the application', QUIET_TIMEOUT_MS, async () => {
      return (await this.record()).inFlight === 0;
    });
  }

  /** Its own record of acknowledged writes, held against a server. */
  async audit(redisUrl: string): Promise<Audit> {
    const response = await fetch(`${this.url}/record/audit`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ url: redisUrl }),
    });
    if (!response.ok) throw new Error(`the application could not check its record: ${await response.text()}`);
    return (await response.json()) as Audit;
  }
}

export class LoadProcess {
  readonly child: Child;
  totals: LoadTotals = { requests: 0, non2xx: 0, errors: 0 };
  private nextId = 1;
  private readonly waiting = new Map<number, (steps: LoadStep[]) => void>();

  constructor(shopUrl: string, connections: number, cleanup: Cleanup) {
    const env = { ...process.env, LOAD_URL: shopUrl, LOAD_CONNECTIONS: String(connections) };
    this.child = new Child('the load generator', process.execPath, [LOAD], { env, ipc: true }, cleanup);
    this.child.process.on('message', (raw) => {
      const message = raw as LoadMessage;
      if ('totals' in message) {
        this.totals = message.totals;
      } else {
        this.waiting.get(message.id)?.(message.steps ?? []);
        this.waiting.delete(message.id);
      }
    });
  }

  /** What is answered from now on counts for this step. */
  async mark(step: string): Promise<void> {
    await this.send({ id: this.nextId++, order: 'mark', step });
  }

  async resume(): Promise<void> {
    await this.send({ id: this.nextId++, order: 'resume' });
  }

  async pause(): Promise<void> {
    await this.send({ id: this.nextId++, order: 'pause' });
  }

  report(): Promise<LoadStep[]> {
    return this.send({ id: this.nextId++, order: 'report' });
  }

  private send(order: LoadOrder): Promise<LoadStep[]> {
    const answered = new Promise<LoadStep[]>((resolve) => this.waiting.set(order.id, resolve));
    this.child.process.send(order);
    return Promise.race([answered, this.child.ended]);
  }
}
