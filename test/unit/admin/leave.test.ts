/** What `leave` says for each phase, kind of server and configuration. */
import { describe, expect, test } from 'vitest';
import { type LeaveFacts, leaveAnswer } from '../../../src/admin/leave.js';
import { type ConfigOverrides, defaultConfig } from '../../../src/config/config.js';
import type { ConnectedClient } from '../../../src/sessions/clients.js';

function facts(more: Partial<LeaveFacts> = {}, config: ConfigOverrides = {}): LeaveFacts {
  return {
    phase: 'target-only',
    config: defaultConfig({ source: 'redis://old:6379', target: 'redis://new:6380/2', ...config }),
    clients: [],
    direct: { source: 0, target: 0 },
    nodes: [],
    isReachable: true,
    splits: new Map(),
    commands: new Map(),
    eventPatterns: 0,
    since: '2026-01-01T00:00:00.000Z',
    ...more,
  };
}

function client(more: Partial<ConnectedClient> = {}): ConnectedClient {
  return { address: '10.0.0.1:5000', name: 'shop', user: 'app', db: 0, idleMs: 10, isWaiting: false, ...more };
}

const codes = (notes: readonly { code: string }[]): string[] => notes.map(({ code }) => code);

describe('before the end', () => {
  test.each(['dual-write', 'target-read', 'target-first'] as const)(
    '%s: it must stay, and what comes first',
    (phase) => {
      const answer = leaveAnswer(facts({ phase }));
      expect(answer).toMatchObject({ ok: false, reasons: [expect.stringContaining(`The phase is ${phase}`)] });
      expect(answer.pointTo).toBe(phase === 'target-first' ? 'redis://new:6380/2' : 'redis://old:6379');
      expect(answer.steps.join('\n')).toMatch(phase === 'target-first' ? /ferry finalize/ : /ferry migrate/);
      expect(answer.steps.join('\n')).toContain('ferry phase source-only');
      expect([...answer.changes, ...answer.cautions]).toEqual([]);
    },
  );

  test('source-only: nothing has begun, so it may go', () => {
    const answer = leaveAnswer(facts({ phase: 'source-only' }));
    expect(answer).toMatchObject({ ok: true, pointTo: 'redis://old:6379', reasons: [] });
    expect(codes(answer.changes)).toEqual(['connection']);
  });
});

describe('who is there', () => {
  test('is grouped by name, user and host, the most active first', () => {
    const { clients } = leaveAnswer(
      facts({
        clients: [
          client({ idleMs: 3_600_000, isWaiting: true, db: 3 }),
          client({ address: '10.0.0.1:5001', idleMs: 61_000 }),
          client({ address: '[::1]:7', name: '', idleMs: 2500 }),
          client({ address: '[::1]:8', name: '', idleMs: 59_000 }),
        ],
      }),
    );
    expect(clients).toMatchObject({ connected: 4, active: 2, activeWithinSeconds: 60, moreGroups: 0 });
    expect(clients.groups).toEqual([
      { name: '', user: 'app', host: '[::1]', connected: 2, active: 2, waiting: 0, idleSeconds: 2, dbs: [0] },
      {
        name: 'shop',
        user: 'app',
        host: '10.0.0.1',
        connected: 2,
        active: 0,
        waiting: 1,
        idleSeconds: 61,
        dbs: [0, 3],
      },
    ]);
  });

  test('in a bounded number of groups', () => {
    const clients = Array.from({ length: 120 }, (_, i) => client({ name: `worker-${i}` }));
    const answer = leaveAnswer(facts({ clients })).clients;
    expect([answer.groups.length, answer.moreGroups, answer.connected]).toEqual([50, 70, 120]);
  });

  test('the steps say how many are left, and when the source stopped', () => {
    const text = leaveAnswer(facts({ clients: [client()] })).steps.join('\n');
    expect(text).toContain('Now 1 client is.');
    expect(text).toContain('2026-01-01T00:00:00.000Z');
    expect(text).toContain('redis-cli -h old -p 6379 -n 0 DEL __ferry:lease');
    expect(text).toContain('redis-cli -h new -p 6380 -n 2 DEL __ferry:lease');
    expect(leaveAnswer(facts()).steps.join('\n')).toContain('Now nobody is.');
  });
});

describe('what is to be changed', () => {
  test('one server: its address and database, which has another number there', () => {
    const { changes, connection, cautions } = leaveAnswer(facts());
    expect(codes(changes)).toEqual(['connection', 'database']);
    expect(changes[1]?.message).toContain('SELECT 0 in the application must become SELECT 2');
    expect(connection).toEqual({
      kind: 'standalone',
      path: null,
      nodes: ['new:6380'],
      master: null,
      db: 2,
      tls: false,
    });
    expect(cautions).toEqual([]);
  });

  test('accounts, TLS, users and names of commands; never a secret', () => {
    const answer = leaveAnswer(
      facts(
        {},
        {
          target: 'rediss://ferry:s3cret@new:6380/0?cert=/c.pem&key=/k.pem',
          mapUsers: { app: { username: 'app2', password: 'hunter2' } },
          usersFile: '/etc/ferry/users.yaml',
          rename: { source: {}, target: { keys: 'k33ps', config: '' } },
        },
      ),
    );
    expect(codes(answer.changes)).toEqual(['connection', 'account', 'tls', 'users', 'users-file', 'renamed-commands']);
    const text = JSON.stringify(answer);
    expect(text).toContain('app → app2');
    expect(text).toContain('and a client certificate');
    expect(text).toContain('KEYS is K33PS, CONFIG is disabled');
    expect(text).toContain('--tls --user ferry --askpass');
    expect(text).not.toMatch(/s3cret|hunter2/);
  });

  test('behind sentinels: the sentinels and the name, not the master', () => {
    const target = 'redis+sentinel://s1:26379,s2:26379/primary/0';
    const { changes, connection } = leaveAnswer(facts({ nodes: [] }, { target }));
    expect(changes[0]?.message).toContain('s1:26379, s2:26379, master name primary');
    expect(connection).toMatchObject({ kind: 'sentinel', nodes: ['s1:26379', 's2:26379'], master: 'primary' });
  });
});

describe('a Cluster', () => {
  const target = 'redis+cluster://n1:7000,n2:7000';

  test('needs a client that knows Clusters, and what Ferry did for it is told', () => {
    const { changes, cautions, ok, connection } = leaveAnswer(
      facts(
        {
          nodes: ['n1:7000', 'n2:7000', 'n3:7000'],
          splits: new Map([
            ['del', 1],
            ['mget', 7],
          ]),
          commands: new Map([
            ['get', 9],
            ['keys', 2],
          ]),
          eventPatterns: 1,
        },
        { target },
      ),
    );
    expect(ok).toBe(true);
    expect(changes[0]?.message).toMatch(/cluster-aware client .* n1:7000, n2:7000, n3:7000/);
    expect(connection.nodes).toHaveLength(3);
    expect(codes(cautions)).toEqual(['split-commands', 'whole-keyspace', 'keyspace-events']);
    expect(cautions[0]?.message).toContain('MGET (7), DEL (1)');
    expect(cautions[1]?.message).toContain('KEYS (2)');
  });

  test('Ferry must stay while a database is used that it keeps apart, and the names are told afterwards too', () => {
    const dbPrefix = { 1: 'db1:' };
    const used = leaveAnswer(facts({ clients: [client({ db: 1 }), client()] }, { target, dbPrefix }));
    expect(used).toMatchObject({ ok: false, reasons: [expect.stringMatching(/^1 client is in database 1.*'db1:…'/)] });
    expect(used.steps.length).toBeGreaterThan(3);
    const unused = leaveAnswer(facts({ clients: [client()] }, { target, dbPrefix }));
    expect(unused).toMatchObject({ ok: true, reasons: [] });
    expect(codes(unused.cautions)).toEqual(['db-prefix']);
  });
});

test('somebody on the source, or a source that does not tell, and a target that is away', () => {
  const there = leaveAnswer(facts({ direct: { source: 3, target: 9 }, isReachable: false }));
  expect(codes(there.cautions)).toEqual(['not-reachable', 'clients-on-other-side']);
  expect(there.cautions[1]?.message).toContain('3 clients are connected to the source');
  expect(codes(leaveAnswer(facts({ direct: { source: null, target: 9 } })).cautions)).toEqual(['other-side-unknown']);
});
