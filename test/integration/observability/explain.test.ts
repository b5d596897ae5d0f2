/** `ferry explain`, in every phase, against what then really happens. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Explanation } from '../../../src/admin/control.js';
import { runFerry } from '../../support/cli.js';
import { Stage } from '../journey/stage.js';
import { text } from '../journey/wire.js';

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage?.close());

function explain(...args: string[]): Explanation {
  return stage.ferry.control.explain(
    args.map((arg) => Buffer.from(arg)),
    0,
  );
}

async function ran(...args: string[]): Promise<{ code: number | null; stdout: string }> {
  return runFerry(['explain', ...args, '--admin', `http://127.0.0.1:${stage.ferry.adminPort}`]);
}

test('what is refused, or answered here, in any phase', async () => {
  expect(explain('NOSUCH')).toMatchObject({ route: 'refused', reason: 'the source has no such command' });
  expect(explain('GET')).toMatchObject({ route: 'refused', reason: 'wrong number of arguments' });
  expect(explain('shutdown')).toMatchObject({
    command: 'SHUTDOWN',
    route: 'refused',
    reason: expect.stringContaining('SHUTDOWN'),
  });
  expect(explain('SELECT', '1')).toMatchObject({ route: 'answered by Ferry', side: null });
  const { code, stdout } = await ran('SHUTDOWN', '--json');
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ route: 'refused' });
});

test('the same command through a migration', { timeout: 60_000 }, async () => {
  const client = await stage.client();
  await client.send('SET', 'n', '1');
  expect(explain('INCR', 'n')).toMatchObject({ route: 'sent to the authority', side: 'source', mirrored: null });

  await stage.goTo('dual-write');
  expect(explain('GET', 'n')).toMatchObject({ side: 'source', reason: 'reads go to the source in dual-write' });
  expect(explain('SET', 'x', '1', 'EX', '10').mirrored?.how).toBe('its outcome');
  expect(explain('EXPIRE', 'n', '10').mirrored).toMatchObject({
    how: 'copy',
    reason: expect.stringContaining('not known'),
  });
  expect(explain('EVAL', 'return 1', '1', 'n').mirrored?.how).toBe('copy');
  expect(explain('DEL', 'n').mirrored?.how).toBe('same bytes');
  // n was written before there was a mirror: INCR builds on it
  expect(explain('INCR', 'n').mirrored).toMatchObject({ how: 'copy', reason: expect.stringContaining('not known') });
  const { code, stdout } = await ran('INCR', 'n');
  expect(code).toBe(0);
  expect(stdout).toContain('INCR in dual-write: sent to the authority, the source');
  expect(stdout).toMatch(/mirrored by copy: it builds on a value/);
  expect(stdout).toMatch(/key 'n' in slot \d+, written/);

  const before = { ...(await opsOf()) };
  await client.send('INCR', 'n');
  await stage.settled();
  const after = await opsOf();
  expect(after.copy! - before.copy!).toBe(1);
  // now it is known
  expect(explain('INCR', 'n').mirrored).toMatchObject({ how: 'same bytes' });
  await client.send('INCR', 'n');
  await stage.settled();
  expect((await opsOf()).replay! - after.replay!).toBe(1);

  await stage.readyForCutover();
  expect(explain('GET', 'n')).toMatchObject({ route: 'sent to the target', side: 'target' });
  expect(explain('MGET', 'n', 'm')).toMatchObject({ side: 'source', reason: expect.stringContaining('several keys') });
  expect(explain('EXPIRE', 'n', '10').mirrored?.how).toBe('absolute times');

  await stage.goTo('target-first');
  expect(explain('INCR', 'n')).toMatchObject({ side: 'target', mirrored: { how: 'same bytes' } });
  await stage.goTo('target-only');
  expect(explain('INCR', 'n')).toMatchObject({ side: 'target', mirrored: null });
  expect(text(await client.send('GET', 'n'))).toBe('3');
});

async function opsOf(): Promise<Record<string, number>> {
  const answer = await (await fetch(`http://127.0.0.1:${stage.ferry.adminPort}/metrics`)).text();
  return Object.fromEntries(
    [...answer.matchAll(/^ferry_mirror_ops_total\{class="(\w+)"\} (\d+)$/gm)].map(([, name, count]) => [
      name!,
      Number(count),
    ]),
  );
}

test('over the API, with bytes that are no text', async () => {
  const url = `http://127.0.0.1:${stage.ferry.adminPort}/api/explain`;
  const post = (body: unknown): Promise<Response> =>
    fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  expect((await post({ args: [] })).status).toBe(400);
  const answer = await post({ args: ['GET', { base64: '/wA=' }] });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ command: 'GET', keys: [{ isWritten: false, isDirty: false }] });
});
