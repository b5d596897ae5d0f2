/** `ferry status --watch` as a process without a terminal. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Stage, sleep } from '../journey/stage.js';

const FERRY = fileURLToPath(new URL('../../../bin/ferry.js', import.meta.url));
const WAIT_MS = 20_000;

test('it tells the changes, waits for a Ferry that is away, and ends with SIGINT', { timeout: 60_000 }, async () => {
  const stage = await Stage.open();
  const watch = spawn(process.execPath, [FERRY, 'status', '--watch', '--admin', `${stage.ferry.adminPort}`]);
  let output = '';
  watch.stdout.on('data', (chunk) => (output += chunk));
  watch.stderr.on('data', (chunk) => (output += chunk));
  const ended = new Promise<number | null>((resolve) => watch.once('close', resolve));
  const told = async (what: string): Promise<void> => {
    const deadline = Date.now() + WAIT_MS;
    while (!output.includes(what)) {
      if (Date.now() > deadline) throw new Error(`'${what}' was not told: ${output}`);
      await sleep(50);
    }
  };
  try {
    await told('phase: source-only, authority: source, source: up, target: up');
    await stage.goTo('dual-write');
    await told('phase: source-only → dual-write');
    const { adminPort } = stage.ferry;
    await stage.stop();
    await told('No Ferry answers');
    await stage.start({ admin: { port: adminPort } });
    await told('Ferry answers again');
    watch.kill('SIGINT');
    expect(await ended).toBe(0);
  } finally {
    watch.kill('SIGKILL');
    await stage.close();
  }
});
