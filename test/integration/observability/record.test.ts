/**
 * The record and the way out, on real servers: who did what, forced steps with what they passed, commands and bytes of each
 * side beside the servers' own figures, all of it over a restart; then who still comes through Ferry, and past it.
 */
import { randomBytes } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { runFerry } from '../../support/cli.js';
import { cluster, Harbour, standalone } from '../cluster/prefixes.js';
import { Stage } from '../journey/stage.js';
import { text, type Wire } from '../journey/wire.js';

const harbour = new Harbour();
afterEach(() => harbour.close());

async function netBytes(wire: Wire): Promise<{ in: number; out: number }> {
  const stats = text(await wire.send('INFO', 'stats'));
  const figure = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(stats)?.[1]);
  return { in: figure('total_net_input_bytes'), out: figure('total_net_output_bytes') };
}

test('who did what, what was forced, and how much each side had, over a restart', { timeout: 60_000 }, async () => {
  const stage = await Stage.open();
  harbour.keep(stage);
  const ferry = (...args: string[]) => runFerry(args, { FERRY_ADMIN: `http://127.0.0.1:${stage.ferry.adminPort}` });
  const client = await stage.client();
  const value = randomBytes(1000); // a DUMP cannot compress it
  for (let i = 0; i < 50; i++) await client.send('SET', `key ${i}`, value);
  expect(await ferry('phase', 'dual-write', '--by', 'anna')).toMatchObject({ code: 0 });
  expect(await ferry('backfill', 'start', '--wait', '--by', 'anna')).toMatchObject({ code: 0 });
  expect(await ferry('phase', 'target-read', '--share', '10', '--by', 'bob')).toMatchObject({ code: 0 });
  expect(await ferry('phase', 'target-read', '--share', '50', '--by', 'bob')).toMatchObject({ code: 0 });
  expect(await ferry('cutover', '--dry-run', '--force', '--by', 'bob')).toMatchObject({ code: 0 });
  // nobody compared the two sides
  expect(await ferry('cutover', '--force', '--by', 'Zoë')).toMatchObject({ code: 0 });
  await stage.settled();

  const report = stage.ferry.control.report();
  const address = '127.0.0.1';
  expect(report.phases).toMatchObject([
    { phase: 'dual-write', epoch: 2, forced: false, by: { name: 'anna', address } },
    { phase: 'target-read', epoch: 3, forced: false, by: { name: 'bob', address } },
    { phase: 'target-first', epoch: 4, forced: true, by: { name: 'Zoë', address } },
  ]);
  expect(report.forced).toMatchObject([{ by: { name: 'Zoë' }, passed: [{ code: 'not-verified' }] }]);
  expect(report.cutovers).toMatchObject([{ to: 'target-first', by: { name: 'Zoë' } }]);
  expect(report.pauses.map(({ what }) => what)).toEqual(['dry run of target-first', 'target-read → target-first']);
  const events = report.history.map(({ event, by }) => `${by?.name ?? 'Ferry'}: ${event}`);
  expect(events).toContain('anna: backfill start');
  expect(events).toContainEqual(expect.stringMatching(/^Ferry: backfill done: 50 keys looked at, \d+ copied$/));
  expect(events).toContain('bob: 50 % of the slots are read from the target');
  expect(report.risks.join('\n')).toContain('past not-verified');

  // the servers count the same bytes, and those of Ferry's control connections and of this test beside them
  const { source, target } = report.traffic;
  for (const [side, wire] of [
    [source, await stage.onSource()],
    [target, await stage.onTarget()],
  ] as const) {
    const net = await netBytes(wire);
    expect(side.bytesOut).toBeGreaterThan(50 * value.length);
    expect(side.bytesOut).toBeLessThanOrEqual(net.in);
    expect(side.bytesIn).toBeGreaterThan(0);
    expect(side.bytesIn).toBeLessThanOrEqual(net.out);
    expect(side.commands).toBeGreaterThan(50);
  }
  expect(source.answered).toBeGreaterThanOrEqual(50);

  await stage.stop();
  await stage.start();
  await stage.until('it has settled', ({ verify }) => verify.state !== 'running');
  const later = stage.ferry.control.report();
  expect(later.history.slice(0, report.history.length)).toEqual(report.history);
  expect(later.traffic).toMatchObject({ since: report.traffic.since, isWhole: true });
  expect(later.traffic.source.bytesOut).toBeGreaterThan(source.bytesOut);
  expect(later.traffic.source.answered).toBeGreaterThanOrEqual(source.answered);
  const told = await ferry('report');
  expect(told.stdout).toMatch(/target-first \(epoch 4, forced\), by Zoë \(127\.0\.0\.1\)/);
});

test('leave names who comes through Ferry and who is on the servers, and stays compatible', async () => {
  const stage = await Stage.open();
  harbour.keep(stage);
  const ferry = (...args: string[]) => runFerry(args, { FERRY_ADMIN: `http://127.0.0.1:${stage.ferry.adminPort}` });
  await stage.readyForCutover();
  const early = await ferry('leave');
  expect(early.code).toBe(1);
  expect(early.stdout).toMatch(/^Ferry must stay:\n {2}The phase is target-read: without Ferry/);
  expect(early.stdout).toContain('What comes first:');
  await stage.goTo('target-first');
  await stage.goTo('target-only');
  const [shop, waiter] = [await stage.client(), await stage.client()];
  await shop.send('CLIENT', 'SETNAME', 'shop');
  await waiter.send('CLIENT', 'SETNAME', 'worker');
  void waiter.send('BLPOP', 'queue', 0).catch(() => {});
  const forgotten = await stage.onSource();
  await forgotten.send('CLIENT', 'SETNAME', 'forgotten');
  await stage.until('it waits', ({ clients }) => clients.blocked === 1);

  const answer = await stage.ferry.control.leave();
  expect(answer).toMatchObject({ ok: true, pointTo: `redis://127.0.0.1:${stage.target.port}`, reasons: [] });
  expect(answer.clients).toMatchObject({ connected: 2, active: 2 });
  expect(answer.clients.groups.map(({ name, user, host, waiting }) => [name, user, host, waiting]).sort()).toEqual([
    ['shop', 'default', '127.0.0.1', 0],
    ['worker', 'default', '127.0.0.1', 1],
  ]);
  expect(answer.direct).toEqual({ source: 1, target: 0 });
  expect(answer.cautions.map(({ code }) => code)).toEqual(['clients-on-other-side']);
  const { code, stdout } = await ferry('leave', '--json');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ ok: true, pointTo: answer.pointTo, reasons: [], steps: answer.steps });
  // it was only asked
  expect(stage.status.directClients.source).toEqual([]);

  // what the steps say of Ferry's own key is so
  await stage.stop();
  expect(text(await forgotten.send('EXISTS', '__ferry:lease'))).toBe('1');
  expect(text(await (await stage.onTarget()).send('EXISTS', '__ferry:lease'))).toBe('0');
});

test('on a Cluster, what Ferry takes apart and keeps apart is told', { timeout: 120_000 }, async () => {
  const [source, target] = await Promise.all([standalone(), cluster()]);
  const voyage = await harbour.between(source, target, { dbPrefix: { 1: 'db1:' } });
  const [plain, one] = [await harbour.wire(voyage.ferry.port), await harbour.wire(voyage.ferry.port, 1)];
  await plain.send('MSET', 'a', '1', 'b', '2', 'c', '3');
  await one.send('SET', 'a', 'one');
  await voyage.goTo('dual-write');
  await voyage.backfill();
  await voyage.verify();
  await voyage.goTo('target-read');
  await voyage.goTo('target-first');
  await voyage.goTo('target-only');
  await plain.send('MGET', 'a', 'b', 'c');
  await plain.send('DBSIZE');
  const answer = await voyage.ferry.control.leave();
  expect(answer).toMatchObject({ ok: false, reasons: [expect.stringContaining("its keys are named 'db1:…'")] });
  expect(answer.connection).toMatchObject({ kind: 'cluster' });
  expect(answer.connection.nodes).toHaveLength(3);
  expect(answer.cautions.map(({ code }) => code)).toEqual(['db-prefix', 'split-commands', 'whole-keyspace']);
  expect(answer.cautions[1]?.message).toContain('MGET (1)');
  one.close();
  await expect.poll(async () => (await voyage.ferry.control.leave()).ok).toBe(true);
});
