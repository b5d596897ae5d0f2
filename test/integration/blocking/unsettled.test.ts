/**
 * A command that waits and got nothing may have left a trace (since Redis 7.2 XREADGROUP makes its consumer known), which
 * the mirror has to acknowledge. Whoever wakes it in the meantime must not have to wait for that, and nothing may break.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { command } from '../../support/relay.js';
import { Scenario, type Servers, startServers, stopServers } from '../divergence/scenario.js';
import { canonical } from '../write-commands/state.js';

let servers: Servers;
let scenario: Scenario;

beforeAll(async () => {
  servers = await startServers();
});
afterEach(() => scenario.stop());
afterAll(() => stopServers(servers));

const READ = ['XREADGROUP', 'GROUP', 'g', 'c', 'BLOCK', 0, 'STREAMS', 's', '>'] as const;

describe('a consumer that the mirror has not acknowledged', () => {
  test('is served, and times out, as if it had', async () => {
    const before = [['XGROUP', 'CREATE', 's', 'g', '$', 'MKSTREAM']];
    scenario = await Scenario.start(servers, { phase: 'dual-write', before });
    await scenario.backfilled();
    const { mirror } = scenario.board;
    // older servers leave no trace; the mirror is told one of theirs, which is none but more
    (mirror as unknown as { d: { idleConsumers: boolean } }).d.idleConsumers = true;
    const [waiting, impatient, other] = [await scenario.client(), await scenario.client(), await scenario.client()];
    const hold = scenario.target.relay.hold('mirror', 'replies', command('XGROUP'));
    const served = waiting.send(...READ);
    await hold.reached();
    const timedOut = impatient.send('XREADGROUP', 'GROUP', 'g', 'd', 'BLOCK', 200, 'STREAMS', 's', '>');
    await other.send('XADD', 's', '1-1', 'f', 'v');
    expect(canonical(await served)).toContain('1-1');
    expect(canonical(await timedOut)).toBe(canonical(null));
    for (let i = 2; i < 6; i++) {
      const again = waiting.send(...READ);
      await other.send('XADD', 's', `${i}-1`, 'f', 'v');
      expect(canonical(await again)).toContain(`${i}-1`);
    }
    hold.release();
    await scenario.settled();
    expect(scenario.ferry.control.status().mirror.backlogOps).toBe(0);
  });
});
