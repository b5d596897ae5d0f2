/** Whether somebody speaks Redis on a loopback port: a read that a proxy has to ask its server for is answered. */
import { connect } from 'node:net';

const PATIENCE_MS = 1000;
const ABSENT_KEY = '*2\r\n$3\r\nGET\r\n$12\r\nbench:absent\r\n';

export function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const finish = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(PATIENCE_MS, () => finish(false));
    socket.once('error', () => finish(false));
    socket.once('close', () => finish(false));
    socket.once('connect', () => socket.write(ABSENT_KEY));
    socket.once('data', (chunk) => finish(chunk.toString('latin1').startsWith('$')));
  });
}
