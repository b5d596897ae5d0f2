/**
 * The load as a process of its own, so that measuring does not disturb what is measured. It is forked and driven by
 * messages: `{mark}`, `{pause}`, `{resume}`, `{report}`; each is answered, `{report}` with the steps. Totals are sent
 * every half second. LOAD_URL, LOAD_CONNECTIONS and LOAD_SEED say what to do.
 */
import { Load, type LoadStep, type LoadTotals } from './load.js';

export type LoadOrder =
  | { id: number; order: 'mark'; step: string }
  | { id: number; order: 'pause' | 'resume' | 'report' };
export type LoadMessage = { totals: LoadTotals } | { id: number; steps?: LoadStep[] };

const TOTALS_INTERVAL_MS = 500;

const load = new Load({
  url: process.env.LOAD_URL ?? '',
  connections: Number(process.env.LOAD_CONNECTIONS ?? 16),
  seed: Number(process.env.LOAD_SEED ?? 1),
});

function send(message: LoadMessage): void {
  if (process.connected) process.send?.(message);
}

process.on('message', async (message) => {
  const order = message as LoadOrder;
  if (order.order === 'mark') load.mark(order.step);
  else if (order.order === 'pause') await load.pause();
  else if (order.order === 'resume') load.resume();
  send(order.order === 'report' ? { id: order.id, steps: load.report() } : { id: order.id });
});
process.once('disconnect', () => process.exit(0));
process.once('SIGTERM', () => process.exit(0));
process.once('SIGINT', () => {}); // the demo ends it, once its own interruption is reported
setInterval(() => send({ totals: load.totals }), TOTALS_INTERVAL_MS);
