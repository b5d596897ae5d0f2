/**
 * Sentinel under live traffic: logins and TLS of the sentinels themselves, planned failovers that nobody notices, masters
 * that are killed.
 */
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { troubles } from '../../../src/cli/status-text.js';
import { eventually } from '../../support/eventually.js';
import { casesOf } from '../../support/long-run.js';
import { MASTER_NAME, type SentinelDeployment, type SentinelOptions, startSentinels } from '../../support/sentinel.js';
import { Load } from '../journey/load.js';
import { Pipe } from '../journey/pipe.js';
import { text, Wire } from '../journey/wire.js';
import { type Deployment, deploy } from './deployment.js';
import { Voyage } from './voyage.js';

type SideName = 'source' | 'target';
const SIDES: readonly SideName[] = ['source', 'target'];
const PASSWORD = 'data secret';
const SENTINEL_PASSWORD = 'sentinel secret';

const file = (name: string): string => fileURLToPath(new URL(`../../support/tls/${name}`, import.meta.url));
const CA = `ca=${file('ca.crt')}`;
const CERTIFICATE = `cert=${file('client.crt')}&key=${file('client.key')}`;

let voyage: Voyage | null = null;
let stray: SentinelDeployment | null = null;
afterEach(async () => {
  await voyage?.close();
  await stray?.stop();
  voyage = stray = null;
});

function watched(sentinels: SentinelDeployment, url: string, password?: string): Deployment {
  return {
    kind: 'sentinel',
    url,
    ports: async () => [(await sentinels.master()).port],
    wires: async () => {
      const wire = await Wire.open((await sentinels.master()).port);
      if (password !== undefined) await wire.send('AUTH', password);
      return [wire];
    },
    cluster: null,
    sentinels,
    stop: () => sentinels.stop(),
  };
}

/** Sentinels on one side, a plain server on the other; `urlOf` when they are not reached without more. */
async function sail(
  side: SideName,
  options: SentinelOptions = {},
  urlOf: (one: SentinelDeployment) => string = ({ url }) => url,
): Promise<SentinelDeployment> {
  const [sentinels, other] = await Promise.all([startSentinels(options), deploy('standalone')]);
  const own = watched(sentinels, urlOf(sentinels), options.password);
  stray = sentinels;
  voyage = await Voyage.between(...(side === 'source' ? ([own, other] as const) : ([other, own] as const)));
  stray = null;
  return sentinels;
}

async function isWell(one: Voyage, load: Load): Promise<void> {
  await one.settled();
  expect(await one.verify()).toEqual([]);
  expect(await one.differences()).toEqual([]);
  expect(load.complaints).toEqual([]);
  expect(one.ferry.counters.selfCheckMismatches).toBe(0);
}

const login = encodeURIComponent(PASSWORD);
const sentinelLogin = `sentinel-password=${encodeURIComponent(SENTINEL_PASSWORD)}`;

const ACCESS: readonly (readonly [string, SentinelOptions, (one: SentinelDeployment) => string])[] = [
  [
    'TLS everywhere, passwords and certificates',
    { tls: true, password: PASSWORD, sentinelPassword: SENTINEL_PASSWORD },
    ({ addresses }) =>
      `rediss+sentinel://:${login}@${addresses}/${MASTER_NAME}?${CA}&${CERTIFICATE}&${sentinelLogin}&sentinel-${CA}`,
  ],
  [
    'passwords of their own',
    { password: PASSWORD, sentinelPassword: SENTINEL_PASSWORD },
    ({ addresses }) => `redis+sentinel://:${login}@${addresses}/${MASTER_NAME}?${sentinelLogin}`,
  ],
  [
    'a named user of the sentinels',
    { sentinelPassword: SENTINEL_PASSWORD },
    ({ addresses }) => `redis+sentinel://${addresses}/${MASTER_NAME}?sentinel-username=default&${sentinelLogin}`,
  ],
];

describe.each(casesOf(ACCESS, 1))('with %s', (_, options, urlOf) => {
  test.each(SIDES)(
    'the %s is found, left and found again',
    async (side) => {
      const sentinels = await sail(side, options, urlOf);
      const one = voyage!;
      // clients log in themselves; what Ferry and the jobs need is what is tried here
      const load = new Load(
        one.ferry.port,
        options.password === undefined || side === 'target' ? {} : { password: PASSWORD },
      );
      try {
        await load.more(50);
        await one.readyForCutover();
        await sentinels.failover();
        await load.more(100);
      } finally {
        await load.stop();
      }
      await isWell(one, load);
      expect(load.closes).toBe(0);
    },
    120_000,
  );
});

test.each([
  ['no password', '', /NOAUTH/],
  ['a wrong password', '?sentinel-password=wrong', /WRONGPASS/],
  ['TLS that they do not speak', '?sentinel-tls=yes', /no sentinel answers \(connect ETIMEDOUT\)/],
  ['another master', `?${sentinelLogin}`, /no sentinel knows a master called 'other'/],
])('sentinels that are asked with %s refuse in words that say so', async (_, query, message) => {
  const [sentinels, other] = await Promise.all([
    startSentinels({ sentinelPassword: SENTINEL_PASSWORD }),
    deploy('standalone'),
  ]);
  stray = sentinels;
  try {
    const name = query.includes(SENTINEL_PASSWORD.split(' ')[1]!) ? 'other' : MASTER_NAME;
    const url = `redis+sentinel://${sentinels.addresses}/${name}${query}`;
    await expect(Voyage.between(watched(sentinels, url), other)).rejects.toThrow(message);
  } finally {
    await other.stop();
  }
});

describe.each(SIDES)('on the %s', (side) => {
  test('planned failovers under live traffic are noticed by nobody', async () => {
    const sentinels = await sail(side);
    const one = voyage!;
    const load = new Load(one.ferry.port, { clients: 8 });
    try {
      await load.more(50);
      await one.readyForCutover();
      for (let i = 0; i < 2; i++) {
        await sentinels.failover();
        await load.more(100);
      }
    } finally {
      await load.stop();
    }
    await isWell(one, load);
    expect(load.closes).toBe(0);
    expect(one.status.backfill.state).toBe('done');
  }, 180_000);

  test('a master that is killed is replaced, and both sides agree again', async () => {
    const sentinels = await sail(side);
    const one = voyage!;
    const load = new Load(one.ferry.port, { mayClose: side === 'source' });
    try {
      await load.more(50);
      await one.readyForCutover();
      const killed = await sentinels.killMaster();
      await sentinels.promoted(killed.port);
      await load.more(100);
      // it comes back as an empty master first, and is made a replica of the new one
      await killed.restart();
      await load.more(100);
    } finally {
      await load.stop();
    }
    await isWell(one, load);
    if (side === 'target') expect(load.closes).toBe(0);
    expect(one.status.backfill.state).toBe('done');
  }, 180_000);

  test('nothing is lost when sentinels are gone while nothing happens, and the status says that they are', async () => {
    const sentinels = await sail(side);
    const one = voyage!;
    for (const sentinel of sentinels.sentinels) sentinel.kill();
    const client = await Pipe.open(one.ferry.port);
    for (let i = 0; i < 50; i++) expect(text(await client.ask('SET', `key:${i}`, i))).toBe('OK');
    client.close();
    await eventually('what is missing', 10_000, async () =>
      one.status[side].reason.startsWith('no sentinel answers (') ? '' : `a reason in ${one.status[side].reason}`,
    );
    expect(one.status[side].state).toBe('up');
    expect(troubles(one.status)).toContainEqual(
      expect.stringMatching(/^A failover of the \w+ would not be noticed: no s/),
    );
    for (const sentinel of sentinels.sentinels) await sentinel.restart();
    await eventually('the sentinels', 10_000, async () => one.status[side].reason);
  }, 60_000);
});
