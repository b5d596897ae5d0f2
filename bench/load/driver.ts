/** The load process, as a row drives it. */
import { Child } from '../../src/cli/demo/child.js';
import type { Cleanup } from '../../src/cli/demo/cleanup.js';
import type { LoadOptions, LoadWindow } from './load.js';
import type { Answer, OrderName, ReaderWindow, Role } from './main.js';

const MAIN = new URL('./main.js', import.meta.url).pathname;

export class LoadDriver<W> {
  readonly child: Child;
  private nextId = 1;
  private readonly waiting = new Map<number, (answer: Answer) => void>();

  private constructor(role: Role, cleanup: Cleanup) {
    const env = { ...process.env, LOAD: JSON.stringify(role) };
    this.child = new Child(`the load (${role.role})`, process.execPath, [MAIN], { env, ipc: true }, cleanup);
    this.child.process.on('message', (message) => {
      const answer = message as Answer;
      this.waiting.get(answer.id)?.(answer);
      this.waiting.delete(answer.id);
    });
  }

  /** GETs and SETs; connected, not yet going. */
  static load(options: LoadOptions, cleanup: Cleanup): Promise<LoadDriver<LoadWindow>> {
    return opened(new LoadDriver<LoadWindow>({ role: 'load', ...options }, cleanup));
  }

  /** Reads one value again and again. */
  static reader(port: number, key: string, cleanup: Cleanup): Promise<LoadDriver<ReaderWindow>> {
    return opened(new LoadDriver<ReaderWindow>({ role: 'reader', port, key }, cleanup));
  }

  /** Connections that do nothing; `window` is how many there are. */
  static crowd(port: number, clients: number, cleanup: Cleanup): Promise<LoadDriver<number>> {
    return opened(new LoadDriver<number>({ role: 'crowd', port, clients }, cleanup));
  }

  async go(): Promise<void> {
    await this.ask('go');
  }

  /** Resolves when everything is answered. */
  async halt(): Promise<void> {
    await this.ask('halt');
  }

  /** What was since the last one. */
  async window(): Promise<W> {
    return (await this.ask('window')) as W;
  }

  async ask(order: OrderName): Promise<unknown> {
    const id = this.nextId++;
    const answered = new Promise<Answer>((resolve) => this.waiting.set(id, resolve));
    this.child.process.send({ id, order });
    const { result, error } = await Promise.race([answered, this.child.ended]);
    if (error !== undefined) throw new Error(`${this.child.name}: ${error}`);
    return result;
  }
}

async function opened<W>(driver: LoadDriver<W>): Promise<LoadDriver<W>> {
  await driver.ask('open');
  return driver;
}
