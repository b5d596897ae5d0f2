import { describe, expect, it } from 'vitest';
import { addressesIn, type NodeAddress, nodesIn, shardsIn, type View } from '../../../src/topology/cluster-views.js';

const ASKED = { host: '10.0.0.1', port: 7000 };
const A = 'a'.repeat(40);
const B = 'b'.repeat(40);
const C = 'c'.repeat(40);

interface Line {
  readonly id: string;
  readonly place: string;
  readonly flags: string;
  readonly master?: string;
  readonly epoch?: number;
  readonly slots?: string;
}

function text(...lines: readonly Line[]): string {
  return lines
    .map(({ id, place, flags, master = '-', epoch = 1, slots = '' }) =>
      `${id} ${place} ${flags} ${master} 0 1426238317239 ${epoch} connected ${slots}`.trim(),
    )
    .join('\n')
    .concat('\n');
}

const TWO: readonly Line[] = [
  { id: A, place: '10.0.0.1:7000@17000', flags: 'myself,master', epoch: 1, slots: '0-8191' },
  { id: B, place: '10.0.0.2:7001@17001', flags: 'master', epoch: 2, slots: '8192-16383' },
];

function view(lines: readonly Line[], addresses: ReadonlyMap<string, NodeAddress> = new Map()): View {
  return { nodes: nodesIn(text(...lines), ASKED), addresses };
}

describe('CLUSTER NODES', () => {
  it('names masters, replicas, epochs and slots', () => {
    const [a, b, c] = nodesIn(
      text(...TWO, { id: C, place: '10.0.0.3:7002@17002', flags: 'slave', master: A, epoch: 1 }),
      ASKED,
    );
    expect(a).toMatchObject({ id: A, isMaster: true, isUsable: true, configEpoch: 1, ranges: [[0, 8191]] });
    expect(b).toMatchObject({ host: '10.0.0.2', port: 7001, configEpoch: 2, ranges: [[8192, 16383]] });
    expect(c).toMatchObject({ isMaster: false, masterId: A, ranges: [] });
  });

  it('knows single slots, and those on their way', () => {
    const slots = `0-2 5 7-8 [93-<-${B}] [94->-${B}]`;
    const [node] = nodesIn(text({ id: A, place: '10.0.0.1:7000@17000', flags: 'myself,master', slots }), ASKED);
    expect(node!.ranges).toEqual([
      [0, 2],
      [5, 5],
      [7, 8],
    ]);
    expect(node!.moving).toEqual([93, 94]);
  });

  it('is at the address that was asked, when it speaks of itself', () => {
    // before it has met anybody it does not know its own address, and behind NAT it knows the wrong one
    for (const place of [':7000@17000', '192.168.0.5:6379@16379']) {
      const [node] = nodesIn(text({ id: A, place, flags: 'myself,master' }), ASKED);
      expect(node).toMatchObject(ASKED);
    }
  });

  it.each([
    ['10.0.0.2:7001@17001,node-b.example', '10.0.0.2', 7001],
    ['10.0.0.2:7001@17001,,tls-port=0,shard-id=69bc', '10.0.0.2', 7001],
    ['10.0.0.2:7001', '10.0.0.2', 7001],
    ['fe80::1:7001@17001', 'fe80::1', 7001],
    ['2001:db8::2:7001@17001,host', '2001:db8::2', 7001],
  ])('reads %s', (place, host, port) => {
    expect(nodesIn(text({ id: B, place, flags: 'master' }), ASKED)).toMatchObject([{ host, port }]);
  });

  it.each([
    ['master', true],
    ['master,fail?', true],
    ['master,fail', false],
    ['handshake', false],
    ['slave,noaddr', false],
  ])('may be used when its flags are %s: %s', (flags, isUsable) => {
    expect(nodesIn(text({ id: B, place: '10.0.0.2:7001@17001', flags }), ASKED)[0]!.isUsable).toBe(isUsable);
  });

  it('takes no notice of lines that it cannot read', () => {
    expect(nodesIn('\n \nnonsense\n', ASKED)).toEqual([]);
  });
});

describe('CLUSTER SLOTS', () => {
  const node = (host: string | null, port: number, id: string): [Buffer | null, number, Buffer, unknown[]] => [
    host === null ? null : Buffer.from(host),
    port,
    Buffer.from(id),
    [],
  ];

  it('says where nodes are reached; without a host, or with "?", it is the one that was asked', () => {
    const reply = [
      [0, 100, node('one.example', 1, A), node(null, 2, B)],
      [101, 200, node('?', 3, C)],
      [201, 300, node('', 4, 'd')],
    ];
    expect(addressesIn(reply, 'asked.example')).toEqual(
      new Map([
        [A, { host: 'one.example', port: 1 }],
        [B, { host: 'asked.example', port: 2 }],
        [C, { host: 'asked.example', port: 3 }],
        ['d', { host: 'asked.example', port: 4 }],
      ]),
    );
  });

  it('of servers before 4.0 names no ids', () => {
    expect(addressesIn([[0, 100, [Buffer.from('h'), 1]]], 'asked')).toEqual(new Map());
  });
});

describe('who serves what', () => {
  it('by one view', () => {
    expect(shardsIn([view(TWO)])).toMatchObject([
      { master: ASKED, replicas: [], ranges: [[0, 8191]] },
      { master: { host: '10.0.0.2', port: 7001 }, replicas: [], ranges: [[8192, 16383]] },
    ]);
  });

  it('of two that claim a slot the one with the greater epoch', () => {
    const old = view(TWO);
    const moved = view([
      { ...TWO[0]!, flags: 'master', epoch: 3, slots: '0-8192' },
      { ...TWO[1]!, flags: 'myself,master', slots: '8193-16383' },
    ]);
    for (const views of [
      [old, moved],
      [moved, old],
    ]) {
      expect(shardsIn(views).map(({ ranges }) => ranges)).toEqual([[[0, 8192]], [[8193, 16383]]]);
    }
  });

  it('a slot that only one of them has given up is still another’s', () => {
    const givenUp = view([{ ...TWO[0]!, slots: '0-99 101-8191' }, TWO[1]!]);
    expect(shardsIn([view(TWO), givenUp])[0]!.ranges).toEqual([[0, 8191]]);
    expect(shardsIn([givenUp])[0]!.ranges).toEqual([
      [0, 99],
      [101, 8191],
    ]);
  });

  it('where CLUSTER SLOTS says, else where CLUSTER NODES says', () => {
    const addresses = new Map([[B, { host: 'b.example', port: 9000 }]]);
    const [a, b] = shardsIn([view(TWO, addresses)]);
    expect(a!.master).toMatchObject({ host: '10.0.0.1', port: 7000 });
    expect(b!.master).toEqual({ host: 'b.example', port: 9000 });
  });

  it('with the replicas of each that can be used', () => {
    const replicas: readonly Line[] = [
      { id: C, place: '10.0.0.3:7002@17002', flags: 'slave', master: A },
      { id: 'd', place: '10.0.0.4:7003@17003', flags: 'slave,fail', master: A },
      { id: 'e', place: '10.0.0.5:7004@17004', flags: 'slave', master: B },
    ];
    const ports = shardsIn([view([...TWO, ...replicas])]).map((shard) => shard.replicas.map(({ port }) => port));
    expect(ports).toEqual([[7002], [7004]]);
  });

  it('a master without slots is one, unless it cannot be used', () => {
    const empty: Line = { id: C, place: '10.0.0.3:7002@17002', flags: 'master' };
    expect(shardsIn([view([...TWO, empty])]).map(({ ranges }) => ranges.length)).toEqual([1, 1, 0]);
    expect(shardsIn([view([...TWO, { ...empty, flags: 'master,fail' }])])).toHaveLength(2);
  });

  it('one that is down keeps its slots until somebody takes them', () => {
    const down = { ...TWO[1]!, flags: 'master,fail' };
    const replica: Line = { id: C, place: '10.0.0.3:7002@17002', flags: 'slave', master: B };
    expect(shardsIn([view([TWO[0]!, down, replica])])[1]!.master.port).toBe(7001);
    const promoted: Line = { ...replica, flags: 'master', master: '-', epoch: 3, slots: '8192-16383' };
    const after = shardsIn([view([TWO[0]!, { ...down, slots: '' }, promoted])]);
    expect(after.map(({ master }) => master.port)).toEqual([7000, 7002]);
  });

  it('nobody, by no view', () => {
    expect(shardsIn([])).toEqual([]);
  });
});
