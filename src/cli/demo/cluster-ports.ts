/**
 * Ports for cluster nodes: the port itself and its bus port, 10000 above, must both be free.
 *
 * They are taken from a range of their own, in which no bus port is another node's port, and beneath the ports that
 * the system gives to outgoing connections: a killed node finds both free when it comes back.
 */
import { createServer } from 'node:net';

const FIRST_PORT = 12_000;
const PORT_COUNT = 8_000;
const BUS_OFFSET = 10_000;

/** A port that was free a moment ago, and whose bus port was. */
export async function freeClusterPort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORT_COUNT);
    if ((await isFree(port)) && (await isFree(port + BUS_OFFSET))) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
