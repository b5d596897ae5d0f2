/** WATCH: in every phase, over a cutover, with a lost connection, and what it may not cost others. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PhaseName } from '../../../src/config/config.js';
import { Stage } from '../journey/stage.js';
import { text, type Wire } from '../journey/wire.js';

const PHASES: readonly PhaseName[] = ['source-only', 'dual-write', 'target-read', 'target-first', 'target-only'];

let stage: Stage;
let watcher: Wire;
let other: Wire;

beforeEach(async () => {
  stage = await Stage.open({ relays: true });
  [watcher, other] = await Promise.all([stage.client(), stage.client()]);
});
afterEach(() => stage?.close());

/** Sends the lines one after the other; their replies as texts, lists as JSON. */
async function say(wire: Wire, ...lines: string[]): Promise<string[]> {
  const replies: string[] = [];
  for (const line of lines) replies.push(shown(await wire.send(...line.split(' '))));
  return replies;
}

function shown(reply: Awaited<ReturnType<Wire['send']>>): string {
  return Array.isArray(reply) ? `[${reply.map(shown).join(' ')}]` : text(reply);
}

async function reach(phase: PhaseName): Promise<void> {
  const at = PHASES.indexOf(phase);
  if (at >= 2) await stage.readyForCutover();
  else if (at === 1) await stage.goTo('dual-write');
  if (at >= 3) await stage.goTo('target-first');
  if (at >= 4) await stage.goTo('target-only');
}

const NIL = '(nil)';

describe.each(PHASES)('in %s', (phase) => {
  test('EXEC runs only if nothing watched has changed, whoever changed it', async () => {
    await reach(phase);
    await say(other, 'SET k 1', 'SET j 1');
    expect(await say(watcher, 'WATCH k', 'GET k', 'MULTI', 'SET k 2', 'INCR j', 'EXEC')).toEqual([
      'OK',
      '1',
      'OK',
      'QUEUED',
      'QUEUED',
      '[OK 2]',
    ]);
    await say(watcher, 'WATCH k j', 'MULTI', 'SET k mine');
    await say(other, 'SET j theirs');
    expect(await say(watcher, 'EXEC', 'GET k')).toEqual([NIL, '2']);
    expect(await say(watcher, 'WATCH k', 'SET k own', 'MULTI', 'SET k 3', 'EXEC', 'GET k')).toEqual([
      'OK',
      'OK',
      'OK',
      'QUEUED',
      NIL,
      'own',
    ]);
    // a transaction without commands is asked too
    await say(watcher, 'WATCH k', 'MULTI');
    await say(other, 'SET k 4');
    expect(await say(watcher, 'EXEC', 'MULTI', 'EXEC')).toEqual([NIL, 'OK', '[]']);
    if (phase !== 'source-only' && phase !== 'target-only') {
      await stage.settled();
      expect(await stage.differences()).toEqual([]);
    }
  });
});

describe('what ends a WATCH', () => {
  test.each([
    ['UNWATCH', ['UNWATCH', 'MULTI']],
    ['UNWATCH behind another command', ['GET k', 'UNWATCH', 'MULTI']],
    ['DISCARD', ['MULTI', 'DISCARD', 'MULTI']],
    ['an EXEC that is refused', ['MULTI', 'NOSUCH', 'EXEC', 'MULTI']],
    ['EXEC', ['MULTI', 'EXEC', 'MULTI']],
  ])('%s', async (_, lines) => {
    await stage.goTo('dual-write');
    await say(watcher, 'WATCH k');
    await say(watcher, ...lines.slice(0, -1));
    await say(other, 'SET k theirs');
    expect(await say(watcher, ...lines.slice(-1), 'SET k mine', 'EXEC', 'GET k')).toEqual([
      'OK',
      'QUEUED',
      '[OK]',
      'mine',
    ]);
  });

  test('its connection is used again, with nothing of it left', async () => {
    for (let i = 0; i < 20; i++) {
      await say(watcher, `WATCH k${i}`, 'UNWATCH', 'PING x', 'GET k');
      await say(other, 'WATCH nothing');
      await say(watcher, `SET k${i} 1`);
      expect(await say(other, 'MULTI', 'PING', 'EXEC')).toEqual(['OK', 'QUEUED', '[PONG]']);
    }
    expect(stage.relay('source').seen.pin).toBeLessThanOrEqual(2);
  });

  test('but no blocking command, no WAIT, and not the first MULTI of a user', async () => {
    await stage.goTo('dual-write');
    await say(watcher, 'WATCH k');
    await say(other, 'SET k theirs');
    expect(await say(watcher, 'BLPOP none 0.01', 'WAIT 0 1', 'MULTI', 'SET k mine', 'EXEC')).toEqual([
      NIL,
      '0',
      'OK',
      'QUEUED',
      NIL,
    ]);
  });

  test('a pipeline of everything at once is answered in order', async () => {
    const pipeline = ['SET k 1', 'WATCH k', 'GET k', 'MULTI', 'INCR k', 'EXEC', 'GET k', 'WATCH k', 'UNWATCH', 'GET k'];
    const replies = await Promise.all(pipeline.map((line) => watcher.send(...line.split(' '))));
    expect(replies.map(shown)).toEqual(['OK', 'OK', '1', 'OK', 'QUEUED', '[2]', '2', 'OK', 'OK', '2']);
  });
});

describe('ways to diverge 20: WATCH and a cutover', () => {
  test('20: WATCH on the old side, EXEC on the new one answers nil and changes nothing', async () => {
    await say(other, 'SET k 1', 'SET j 1');
    await stage.readyForCutover();
    expect(await say(watcher, 'WATCH k', 'GET k', 'MULTI', 'SET j lost')).toEqual(['OK', '1', 'OK', 'QUEUED']);
    await stage.goTo('target-first');
    expect(await say(watcher, 'EXEC', 'GET j')).toEqual([NIL, '1']);
    expect(await say(watcher, 'WATCH k', 'MULTI', 'SET j 2', 'EXEC')).toEqual(['OK', 'OK', 'QUEUED', '[OK]']);
    // and back again
    await say(watcher, 'WATCH k');
    await stage.goTo('target-read');
    expect(await say(watcher, 'MULTI', 'SET j lost', 'EXEC', 'GET j')).toEqual(['OK', 'QUEUED', NIL, '2']);
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
  });

  test('20: a step that keeps the authority keeps the WATCH too', async () => {
    await say(watcher, 'WATCH k', 'MULTI', 'SET k 1');
    await stage.goTo('dual-write');
    expect(await say(watcher, 'EXEC')).toEqual(['[OK]']);
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
  });
});

describe('faults', () => {
  test('a lost connection is as if a watched key had changed', async () => {
    await stage.goTo('dual-write');
    await say(watcher, 'WATCH k', 'MULTI', 'SET k lost');
    expect(stage.relay('source').cut('pin')).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await say(watcher, 'EXEC', 'GET k')).toEqual([NIL, NIL]);
    expect(await say(watcher, 'WATCH k', 'MULTI', 'SET k 1', 'EXEC')).toEqual(['OK', 'OK', 'QUEUED', '[OK]']);
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
  });

  test('ways to diverge 22: an idle WATCH holds no slot, and who goes away with one leaves nothing', async () => {
    await stage.goTo('dual-write');
    await say(watcher, 'WATCH k', 'MULTI', 'SET k mine');
    expect(await say(other, 'SET k theirs', 'GET k')).toEqual(['OK', 'theirs']);
    watcher.close();
    expect(await say(other, 'WATCH k', 'MULTI', 'SET k 2', 'EXEC')).toEqual(['OK', 'OK', 'QUEUED', '[OK]']);
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
  });

  test('who may not call MULTI does not have his commands run one by one', async () => {
    const rights = ['~*', '+@all', '-multi'];
    for (const server of await Promise.all([stage.onSource(), stage.onTarget()])) {
      await server.send('ACL', 'SETUSER', 'narrow', 'on', '>pw', ...rights);
      await server.send('ACL', 'SETUSER', 'wide', 'on', '>pw', '~*', '+@all');
    }
    await stage.goTo('dual-write');
    const narrow = await stage.client('narrow', 'pw');
    expect(await say(narrow, 'MULTI', 'EXEC', 'SET k 1')).toEqual([
      expect.stringContaining('NOPERM'),
      expect.stringContaining('EXEC without MULTI'),
      'OK',
    ]);
    // the right is taken away after it was found
    const wide = await stage.client('wide', 'pw');
    expect(await say(wide, 'MULTI', 'SET k 2', 'EXEC')).toEqual(['OK', 'QUEUED', '[OK]']);
    await say(wide, 'MULTI', 'SET k 3', 'INCR n');
    await (await stage.onSource()).send('ACL', 'SETUSER', 'wide', '-multi');
    expect(await say(wide, 'EXEC')).toEqual([expect.stringMatching(/NOPERM|without MULTI/)]);
    expect(await say(wide, 'MULTI')).toEqual([expect.stringContaining('NOPERM')]);
    await stage.settled();
    expect(await stage.differences()).toEqual([]);
  });
});
