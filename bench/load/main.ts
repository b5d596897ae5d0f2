/**
 * The load as a process of its own. Forked by `LoadDriver` (driver.ts), which sends orders; LOAD is its options as JSON.
 * Each order is answered, when it has been carried out, with what it gives.
 */
import { type BigReader, openBigReader } from './big-reader.js';
import { type Crowd, gather } from './crowd.js';
import { Load, type LoadOptions, type LoadWindow } from './load.js';

export type Role =
  | ({ readonly role: 'load' } & LoadOptions)
  | { readonly role: 'reader'; readonly port: number; readonly key: string }
  | { readonly role: 'crowd'; readonly port: number; readonly clients: number };

export type OrderName = 'open' | 'go' | 'halt' | 'window';
export type Order = { readonly id: number; readonly order: OrderName };
export type Answer = { readonly id: number; readonly result?: unknown; readonly error?: string };
/** of a reader: bytes since the last one */
export type ReaderWindow = { readonly seconds: number; readonly bytes: number };
export type { LoadWindow };

interface Worker {
  go(): void;
  halt(): Promise<void>;
  window(): unknown;
}

const role = JSON.parse(process.env.LOAD ?? 'null') as Role;
let worker: Worker | null = null;

async function open(): Promise<Load | BigReader | Crowd> {
  if (role.role === 'reader') return openBigReader(role.port, role.key);
  if (role.role === 'crowd') return gather(role.port, role.clients);
  const load = new Load(role);
  await load.connected();
  return load;
}

async function obey(order: OrderName): Promise<unknown> {
  if (order === 'open') {
    worker = await open();
    return null;
  }
  if (worker === null) throw new Error('it is not open');
  if (order === 'window') return worker.window();
  return order === 'go' ? worker.go() : worker.halt();
}

process.on('message', (message) => {
  const { id, order } = message as Order;
  obey(order).then(
    (result) => process.send?.({ id, result } satisfies Answer),
    (error: Error) => process.send?.({ id, error: error.message } satisfies Answer),
  );
});
process.once('disconnect', () => process.exit(0));
process.once('SIGTERM', () => process.exit(0));
