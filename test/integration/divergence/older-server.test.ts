/**
 * Case 21: rollback to an older server, which takes no DUMP payload of the newer one and lacks commands that clients have
 * begun to use. (A dead target that cannot be drained: test/chaos/rescue.test.ts.)
 */
import { afterEach, expect, test } from 'vitest';
import { Load } from '../journey/load.js';
import { Stage } from '../journey/stage.js';
import { text } from '../journey/wire.js';

let stage: Stage;
afterEach(() => stage?.close());

/** What servers before 6.2 do not have; RESTORE stands for a payload of a version that they refuse. */
const NOT_THERE = ['restore', 'getdel', 'getex', 'copy', 'lmove', 'smismember', 'zrandmember', 'zdiffstore', 'lmpop'];
const older = NOT_THERE.flatMap((name) => ['--rename-command', name, '']);

test('case 21: what the target did is copied by type to a source that lacks commands, and the rollback serves it', async () => {
  stage = await Stage.open({ sourceArgs: older });
  const client = await stage.client();
  for (let i = 0; i < 200; i++) await client.send('SET', `string ${i}`, i);
  await stage.readyForCutover();
  await stage.goTo('target-first');
  const load = new Load(stage.ferry.port, { clients: 3, pauseMs: 2 });
  try {
    await load.more(20);
    expect(text(await client.send('GETDEL', 'string 1'))).toBe('1');
    expect(text(await client.send('GETEX', 'string 2', 'EX', 1000))).toBe('2');
    expect(text(await client.send('COPY', 'string 3', 'copied'))).toBe('1');
    await client.send('RPUSH', 'from', 'a', 'b', 'c');
    expect(text(await client.send('LMOVE', 'from', 'to', 'LEFT', 'RIGHT'))).toBe('a');
    expect(text(await client.send('LMPOP', 1, 'from', 'RIGHT'))).toBe('["from",["c"]]');
    await client.send('ZADD', 'z', 1.5, 'one', 2, 'two');
    expect(text(await client.send('ZDIFFSTORE', 'z less', 2, 'z', 'nothing'))).toBe('2');
    await client.send('XADD', 'stream', '5-1', 'f', 'v');
    await client.send('XGROUP', 'CREATE', 'stream', 'group', 0);
    await client.send('XREADGROUP', 'GROUP', 'group', 'me', 'STREAMS', 'stream', '>');
    await load.more(20);
    await stage.settled();
    expect(await stage.verify(true)).toEqual([]);
    expect(await stage.phase('target-read')).toMatchObject({ ok: true });
    expect(stage.status.authority).toBe('source');
    await load.more(20);
  } finally {
    await load.stop();
  }
  expect(load.complaints).toEqual([]);
  expect(load.closes).toBe(0);
  // as that server says it
  expect(text(await client.send('GETDEL', 'string 4'))).toMatch(/unknown command/);
  expect(await client.send('GET', 'string 1')).toBeNull();
  expect(Number(text(await client.send('TTL', 'string 2')))).toBeGreaterThan(900);
  expect(text(await client.send('GET', 'copied'))).toBe('3');
  expect(text(await client.send('LRANGE', 'to', 0, -1))).toBe('["a"]');
  expect(text(await client.send('ZSCORE', 'z less', 'one'))).toBe('1.5');
  await stage.settled();
  expect(await stage.differences()).toEqual([]);
});
