/** A routed lane and nodes that follow a script: every reply comes when the test says so. */
import { afterEach, describe, expect, test } from 'vitest';
import { LaneRefused } from '../../../src/lanes/lane.js';
import { encodeCommand } from '../../../src/resp/encode.js';
import { HOME, NOBODY } from '../../../src/topology/slot-map.js';
import { withoutFreezing } from '../../support/without-freezing.js';
import { NOTHING_LEFT, Rig, type RigOptions, SLOT } from './routed-rig.js';
import { clusterNode } from './scripted-node.js';

let rig: Rig;
afterEach(() => rig.stop());

async function start(options: RigOptions = {}): Promise<Rig> {
  rig = await Rig.start(options);
  return rig;
}

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => `APPEND k ${from + i}`);

describe('case 17: MOVED', () => {
  /** The replies to two writes come apart; a third one is sent in between. */
  async function thirdBetween(): Promise<string[]> {
    const { nodes } = await start();
    const [a, b] = [nodes[0]!, nodes[1]!];
    a.script = () => rig.moved(1);
    a.hold();
    rig.send('APPEND k 1');
    rig.send('APPEND k 2');
    await rig.received(0, 2);
    a.pass();
    await rig.until('the map to follow', () => rig.routes.map.owner[SLOT] === 1);
    rig.send('APPEND k 3');
    // without the rule the third is executed now
    rig.send('PING', SLOT + 1);
    await rig.received(0, 3);
    await new Promise((resolve) => setTimeout(resolve, 20));
    a.release();
    await rig.hears(4);
    return b.commands.filter((command) => command !== 'PING');
  }

  test('case 17: a write behind two that are being redirected is executed behind them', async () => {
    expect(await thirdBetween()).toEqual(numbers(1, 3));
    expect(rig.heard.filter((line) => line.startsWith('APPEND'))).toEqual(numbers(1, 3).map((name) => `${name}: +OK`));
    expect(rig.left).toEqual(NOTHING_LEFT);
  });

  test('case 17, slot not frozen: it is executed before the second', async () => {
    const restore = withoutFreezing();
    try {
      expect(await thirdBetween()).toEqual(['APPEND k 1', 'APPEND k 3', 'APPEND k 2']);
    } finally {
      restore();
    }
  });

  test('case 17: a new owner that is learned of otherwise waits for what is on its way', async () => {
    const { nodes, routes } = await start();
    nodes[0]!.hold();
    rig.send('APPEND k 1');
    await rig.received(0, 1);
    routes.map.assign(SLOT, 1);
    rig.lane.mapChanged();
    rig.send('APPEND k 2');
    rig.send('APPEND other 1', SLOT + 1);
    await rig.received(0, 2);
    expect(nodes[1]!.received).toEqual([]);
    nodes[0]!.release();
    expect(await rig.hears(3)).toEqual(['APPEND k 1: +OK', 'APPEND other 1: +OK', 'APPEND k 2: +OK']);
    expect(nodes[1]!.received).toEqual(['APPEND k 2']);
  });

  test('a long pipeline goes over as it was, in one go', async () => {
    const { nodes } = await start();
    nodes[0]!.script = () => rig.moved(1);
    const commands = numbers(1, 3000);
    for (const command of commands) rig.send(command);
    await rig.hears(3000);
    expect(nodes[1]!.commands).toEqual(commands);
    expect(rig.heard).toEqual(commands.map((command) => `${command}: +OK`));
    expect(rig.left).toEqual(NOTHING_LEFT);
  });

  test('other slots go on meanwhile', async () => {
    const { nodes } = await start();
    nodes[0]!.script = (command) => (command.endsWith('stays') ? '+OK\r\n' : rig.moved(1));
    nodes[1]!.hold();
    rig.send('SET k moves');
    rig.send('SET l stays', SLOT + 1);
    await rig.received(1, 1);
    expect(rig.heard).toEqual(['SET l stays: +OK']);
  });

  test('two nodes that send a slot each other’s way are asked less and less often', async () => {
    const { nodes } = await start({ redirectWaitMs: 300 });
    nodes[0]!.script = () => rig.moved(1);
    nodes[1]!.script = () => rig.moved(0);
    rig.send('SET k v');
    await rig.hears(1);
    // in their own words, when the patience is over
    expect(rig.heard[0]).toMatch(/^SET k v: -MOVED 7 127\.0\.0\.1:/);
    // 1 + 2 + 4 … 64 + 100 ms: a dozen times at the most, and thousands without the waits
    expect(nodes[0]!.received.length + nodes[1]!.received.length).toBeLessThan(15);
    expect(rig.left).toEqual(NOTHING_LEFT);
  });

  test('a node that has not heard of its slot yet is asked again', async () => {
    const { nodes } = await start();
    let times = 0;
    nodes[0]!.script = () => rig.moved(1);
    // it hears of it in the middle of a pipeline: so the first goes there alone
    nodes[1]!.script = () => (++times < 2 ? rig.moved(0) : '+OK\r\n');
    for (const command of numbers(1, 3)) rig.send(command);
    expect(await rig.hears(3)).toEqual(numbers(1, 3).map((command) => `${command}: +OK`));
    expect(nodes[1]!.received).toEqual(['APPEND k 1', ...numbers(1, 3)]);
    expect(rig.left).toEqual(NOTHING_LEFT);
  });
});

describe('case 17: a slot that is on its way', () => {
  /** Keys are on the second node except those that begin with "here". */
  function migrating(): void {
    const { nodes } = rig;
    nodes[0]!.script = clusterNode((command) => (/ here/.test(command) ? '$4\r\nhere\r\n' : rig.ask(1)));
    nodes[1]!.script = clusterNode((_, asked) => (asked ? '$5\r\nthere\r\n' : rig.moved(0)));
  }

  test('ASKING goes before each command, and no command before the reply of the one before it', async () => {
    await start();
    migrating();
    const [a, b] = [rig.nodes[0]!, rig.nodes[1]!];
    for (const command of ['GET x', 'GET here', 'GET y']) rig.send(command);
    expect(await rig.hears(3)).toEqual(['GET here: $4 here', 'GET x: $5 there', 'GET y: $5 there']);
    expect(b.received).toEqual(['ASKING', 'GET x', 'ASKING', 'GET y']);
    // what comes while the slot is on its detour waits its turn
    b.hold();
    rig.send('GET z');
    await rig.until('the second node to be asked', () => b.received.length === 6);
    rig.send('GET here');
    rig.send('EXISTS here', SLOT + 1);
    await rig.until('the other slot', () => a.received.at(-1) === 'EXISTS here');
    b.release();
    expect((await rig.hears(6)).slice(3)).toEqual(['EXISTS here: $4 here', 'GET z: $5 there', 'GET here: $4 here']);
    expect(rig.routes.asks).toBeGreaterThan(0);
  });

  test('an ASK is not followed late: the keys may be on another way by then', async () => {
    await start();
    migrating();
    const [a, b] = [rig.nodes[0]!, rig.nodes[1]!];
    b.hold();
    rig.send('GET x');
    rig.send('GET y');
    await rig.until('the first to be asked for', () => b.commands.length === 1);
    // meanwhile y went back, and other keys are on their way again: the second node would take y for a new key
    a.script = () => '$4\r\nhere\r\n';
    b.release();
    expect(await rig.hears(2)).toEqual(['GET x: $5 there', 'GET y: $4 here']);
    expect(b.commands).toEqual(['GET x']);
    expect(rig.left).toEqual(NOTHING_LEFT);
  });

  test('TRYAGAIN is tried again, in its turn', async () => {
    await start();
    let times = 0;
    rig.nodes[0]!.script = (command) => {
      if (command.startsWith('MSET') && ++times < 4)
        return '-TRYAGAIN Multiple keys request during rehashing of slot\r\n';
      return '+OK\r\n';
    };
    rig.send('MSET a 1 b 2');
    await rig.until('the first try', () => rig.left.detours === 1);
    rig.send('SET a 3');
    expect(await rig.hears(2)).toEqual(['MSET a 1 b 2: +OK', 'SET a 3: +OK']);
    expect(rig.nodes[0]!.received.indexOf('SET a 3')).toBe(4);
    await rig.until('the detour to end', () => rig.left.detours === 0);
  });

  test('one that is refused again comes first again', async () => {
    await start();
    let times = 0;
    rig.nodes[0]!.script = (command) => (command === 'DEL a b' && ++times < 4 ? '-TRYAGAIN x\r\n' : rig.ask(1));
    rig.nodes[1]!.script = clusterNode((_, asked) => (asked ? '+done\r\n' : rig.moved(0)));
    rig.send('DEL a b');
    rig.send('SET a 1');
    expect(await rig.hears(2)).toEqual(['DEL a b: +done', 'SET a 1: +done']);
    expect(rig.nodes[1]!.commands).toEqual(['DEL a b', 'SET a 1']);
  });

  describe('two writes were sent together, the first was refused and the second was executed', () => {
    async function overtaken(options: RigOptions, isOneSender: boolean): Promise<string[]> {
      await start(options);
      rig.isOneSender = isOneSender;
      let times = 0;
      rig.nodes[0]!.script = (command) => (command.startsWith('MSET') && ++times < 3 ? '-TRYAGAIN x\r\n' : '+OK\r\n');
      rig.send('MSET a 1 b 2');
      rig.send('SET a 3');
      await rig.hears(2);
      expect(rig.left).toEqual(NOTHING_LEFT);
      return rig.heard;
    }

    test('by one sender: it is told so', async () => {
      expect(await overtaken({}, true)).toEqual([
        'SET a 3: +OK',
        'MSET a 1 b 2: -TRYAGAIN Multiple keys request during rehashing of slot',
      ]);
    });
    test('by two: nobody can tell which was first', async () => {
      expect(await overtaken({}, false)).toEqual(['SET a 3: +OK', 'MSET a 1 b 2: +OK']);
    });
    test('on a mirror: it is lost, for its keys to be copied', async () => {
      expect(await overtaken({ keepsUnsent: false }, false)).toEqual(['SET a 3: +OK', 'MSET a 1 b 2: lost']);
    });
  });

  test.each(['TRYAGAIN Multiple keys request during rehashing of slot', 'CLUSTERDOWN Hash slot not served'])(
    'what lasts longer than the patience is answered in the server’s words: %s',
    async (words) => {
      await start({ redirectWaitMs: 100 });
      rig.nodes[0]!.script = () => `-${words}\r\n`;
      rig.send('SET a 1');
      rig.send('SET a 2');
      expect(await rig.hears(2)).toEqual([`SET a 1: -${words}`, `SET a 2: -${words}`]);
      expect(rig.left).toEqual(NOTHING_LEFT);
    },
  );

  test('a slot that nobody serves waits for who will', async () => {
    const { routes, nodes } = await start();
    routes.map.assign(SLOT, NOBODY);
    rig.send('SET a 1');
    rig.send('SET a 2');
    await rig.until('the lane to ask', () => routes.doubts.length > 0);
    expect(rig.lane.isUp(SLOT)).toBe(false);
    routes.map.assign(SLOT, 1);
    rig.lane.mapChanged();
    expect(await rig.hears(2)).toEqual(['SET a 1: +OK', 'SET a 2: +OK']);
    expect(nodes[1]!.received).toEqual(['SET a 1', 'SET a 2']);
    expect(rig.left).toEqual(NOTHING_LEFT);
  });

  test('a slot that nobody serves for too long', async () => {
    const { routes } = await start({ redirectWaitMs: 50 });
    routes.map.assign(SLOT, NOBODY);
    rig.send('SET a 1');
    expect(await rig.hears(1)).toEqual(['SET a 1: -CLUSTERDOWN Hash slot not served']);
    expect(rig.left).toEqual(NOTHING_LEFT);
  });
});

describe('groups', () => {
  const TRANSACTION = ['MULTI', 'SET a 1', 'GET a', 'EXEC'];
  const EXECUTED = ['MULTI: +OK', 'SET a 1: +QUEUED', 'GET a: +QUEUED', 'EXEC: *2 +done +done'];

  test('a transaction is sent again from its MULTI on when a queued command is redirected', async () => {
    await start();
    rig.nodes[0]!.script = clusterNode(() => rig.moved(1));
    rig.nodes[1]!.script = clusterNode(() => '+done\r\n');
    rig.group(TRANSACTION, 4);
    rig.send('SET a 2');
    expect(await rig.hears(5)).toEqual([...EXECUTED, 'SET a 2: +done']);
    expect(rig.nodes[1]!.received).toEqual([...TRANSACTION, 'SET a 2']);
    expect(rig.left).toEqual(NOTHING_LEFT);
  });

  test('and when the slot moves between its commands and EXEC', async () => {
    await start();
    rig.nodes[0]!.script = (command) =>
      command === 'EXEC' ? rig.moved(1) : command === 'MULTI' ? '+OK\r\n' : '+QUEUED\r\n';
    rig.nodes[1]!.script = clusterNode(() => '+done\r\n');
    rig.group(TRANSACTION, 4);
    expect(await rig.hears(4)).toEqual(EXECUTED);
  });

  test('ASKING goes before its MULTI, and before each read behind its EXEC', async () => {
    await start();
    const [a, b] = [rig.nodes[0]!, rig.nodes[1]!];
    a.script = clusterNode(() => rig.ask(1));
    b.script = clusterNode((_, asked) => (asked ? '+done\r\n' : rig.moved(0)));
    rig.group([...TRANSACTION, 'XLEN a', 'XLEN b'], 4);
    expect(await rig.hears(6)).toEqual([...EXECUTED, 'XLEN a: +done', 'XLEN b: +done']);
    expect(b.received).toEqual(['ASKING', ...TRANSACTION, 'ASKING', 'XLEN a', 'ASKING', 'XLEN b']);
    await rig.until('the detour to end', () => rig.left.detours === 0);
    expect(rig.left).toEqual(NOTHING_LEFT);
  });

  test('one that watches is answered nil, and is not sent again', async () => {
    let broken = 0;
    await start({ onBroken: () => broken++ });
    rig.nodes[0]!.script = clusterNode((command) => (/ a/.test(command) ? rig.moved(1) : '+done\r\n'));
    rig.nodes[1]!.script = clusterNode(() => '+done\r\n');
    rig.group([...TRANSACTION, 'XLEN a'], 4, true);
    await rig.hears(5);
    expect(rig.heard.slice(-2)).toEqual(['EXEC: *-1', 'XLEN a: +done']);
    expect(rig.nodes[1]!.received).toEqual(['XLEN a']);
    expect(broken).toBeGreaterThan(0);
    expect(rig.left).toEqual(NOTHING_LEFT);
  });

  test('only what was not executed is sent again: the read behind a write', async () => {
    await start();
    const [a, b] = [rig.nodes[0]!, rig.nodes[1]!];
    a.script = (command) => (command.startsWith('XADD') ? '$3\r\n1-1\r\n' : rig.moved(1));
    rig.group(['XADD s * f v', 'XLEN s'], 0);
    expect(await rig.hears(2)).toEqual(['XADD s * f v: $3 1-1', 'XLEN s: +OK']);
    expect(b.received).toEqual(['XLEN s']);
    expect(rig.left).toEqual(NOTHING_LEFT);
  });

  test('a write that is redirected takes the read behind it along', async () => {
    await start();
    const [a, b] = [rig.nodes[0]!, rig.nodes[1]!];
    // the keys of the write are on both nodes, that of the read is here
    let tries = 0;
    a.script = (command) => (command.startsWith('XLEN') ? ':0\r\n' : ++tries === 1 ? '-TRYAGAIN x\r\n' : rig.moved(1));
    b.script = (command) => (command.startsWith('XLEN') ? ':1\r\n' : '+written\r\n');
    rig.group(['XADD s * f v', 'XLEN s'], 0);
    expect(await rig.hears(2)).toEqual(['XADD s * f v: +written', 'XLEN s: :1']);
    expect(b.received).toEqual(['XADD s * f v', 'XLEN s']);
  });

  test('a transaction that waits too long is refused at its EXEC, not at its MULTI', async () => {
    const { routes } = await start({ redirectWaitMs: 50 });
    routes.map.assign(SLOT, NOBODY);
    rig.group(TRANSACTION, 4);
    await rig.hears(4);
    expect(rig.heard[0]).toBe('MULTI: +OK');
    expect(rig.heard[3]).toBe('EXEC: -CLUSTERDOWN Hash slot not served');
    expect(rig.left).toEqual(NOTHING_LEFT);
  });

  test('a connection lost in the middle: each part hears of it once', async () => {
    await start();
    rig.nodes[0]!.script = (command) => (command === 'MULTI' ? '+OK\r\n' : '');
    rig.group([...TRANSACTION, 'XLEN a'], 4);
    await rig.received(0, 5);
    rig.nodes[0]!.cut();
    expect(await rig.hears(5)).toEqual([...TRANSACTION, 'XLEN a'].map((name) => `${name}: lost`));
    expect(rig.left).toEqual(NOTHING_LEFT);
  });

  test('a group that was never sent is sent on the next connection, whole', async () => {
    await start();
    rig.nodes[0]!.script = clusterNode(() => '+done\r\n');
    rig.send('PING');
    await rig.hears(1);
    rig.group(TRANSACTION, 4);
    rig.lane.drop('a test');
    expect((await rig.hears(5)).slice(1)).toEqual(EXECUTED);
    expect(rig.left).toEqual(NOTHING_LEFT);
  });
});

describe('connections', () => {
  test('what was not sent when a connection went is sent on the next one, in its order', async () => {
    await start();
    rig.send('PING');
    await rig.hears(1);
    for (const command of numbers(1, 3)) rig.send(command);
    rig.lane.drop('a test');
    for (const command of numbers(4, 5)) rig.send(command);
    expect((await rig.hears(6)).slice(1)).toEqual(numbers(1, 5).map((command) => `${command}: +OK`));
    expect(rig.nodes[0]!.commands.slice(1)).toEqual(numbers(1, 5));
    expect(rig.left).toEqual(NOTHING_LEFT);
  });

  test('what was sent is lost, and what is sent after that goes to the next one', async () => {
    await start();
    rig.nodes[0]!.script = () => '';
    rig.send('SET a 1');
    await rig.received(0, 1);
    rig.nodes[0]!.script = () => '+OK\r\n';
    rig.nodes[0]!.cut();
    await rig.hears(1);
    rig.send('SET a 2');
    expect(await rig.hears(2)).toEqual(['SET a 1: lost', 'SET a 2: +OK']);
    expect(rig.left).toEqual(NOTHING_LEFT);
  });

  test('a lane that keeps nothing loses what was not sent', async () => {
    await start({ keepsUnsent: false });
    rig.send('PING');
    await rig.hears(1);
    rig.send('SET a 1');
    rig.lane.drop('a test');
    rig.send('SET a 2'); // there is no connection: it waits in the next one's buffer
    expect((await rig.hears(3)).slice(1)).toEqual(['SET a 1: never sent', 'SET a 2: +OK']);
    expect(rig.left).toEqual(NOTHING_LEFT);
  });

  test('a refused login closes the lane, and everybody hears it once', async () => {
    const refused = {
      command: encodeCommand(['AUTH', 'x']),
      accept: () => {
        throw new LaneRefused('WRONGPASS');
      },
    };
    await start({ handshake: () => [refused] });
    rig.nodes[0]!.script = () => '-WRONGPASS\r\n';
    rig.send('SET a 1');
    rig.group(['MULTI', 'EXEC'], 2);
    expect(await rig.hears(3)).toEqual(['SET a 1: never sent', 'MULTI: never sent', 'EXEC: never sent']);
    expect(rig.lane.state).toBe('closed');
    expect(rig.lane.lastError).toBe('WRONGPASS');
    expect(rig.routes.attached.size).toBe(0);
    rig.send('SET a 2');
    expect(rig.heard.at(-1)).toBe('SET a 2: never sent');
    expect(rig.left).toEqual(NOTHING_LEFT);
  });

  test('close tells everybody once, wherever they are, and opens nothing any more', async () => {
    const { nodes, routes } = await start({ nodes: 3 });
    nodes[0]!.hold();
    rig.send('SET a sent');
    rig.send('SET b moved', SLOT + 1);
    rig.group(['MULTI', 'SET c sent', 'EXEC'], 3);
    await rig.received(0, 5);
    routes.map.assign(SLOT, 1); // behind its detour: nothing is connected there
    rig.send('SET a waits');
    routes.map.assign(SLOT + 2, NOBODY);
    rig.send('SET d waits', SLOT + 2);
    rig.group(['MULTI', 'SET e waits', 'EXEC'], 3, false, SLOT + 2);
    rig.lane.close();
    rig.lane.close();
    expect([...rig.heard].sort()).toEqual(
      [
        ...['SET a sent: lost', 'SET b moved: lost', 'MULTI: lost', 'SET c sent: lost', 'EXEC: lost'],
        ...['SET a waits', 'SET d waits', 'MULTI', 'SET e waits', 'EXEC'].map((name) => `${name}: never sent`),
      ].sort(),
    );
    expect(rig.left).toEqual(NOTHING_LEFT);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(nodes.map(({ open }) => open)).toEqual([0, 0, 0]);
    expect(nodes[1]!.connections + nodes[2]!.connections).toBe(0);
  });

  test('closeWhenAnswered closes when what waits was answered, or refused', async () => {
    const { routes } = await start({ redirectWaitMs: 50 });
    routes.map.assign(SLOT, NOBODY);
    rig.send('SET a 1');
    rig.lane.closeWhenAnswered();
    expect(rig.lane.state).toBe('up');
    await rig.hears(1);
    expect(rig.lane.state).toBe('closed');
  });

  test('a node that serves nothing any more is left when it has answered', async () => {
    const { nodes, routes } = await start({ isEager: true });
    await rig.until('a connection', () => rig.lane.isWhole);
    nodes[0]!.hold();
    rig.send('SET a 1');
    await rig.received(0, 1);
    routes.map.owner.fill(1);
    routes.map.epoch++;
    rig.lane.mapChanged();
    await rig.until('the other connection', () => rig.lane.isWhole);
    rig.send('SET b 1', SLOT + 1);
    expect(await rig.hears(1)).toEqual(['SET b 1: +OK']);
    nodes[0]!.release();
    expect((await rig.hears(2))[1]).toBe('SET a 1: +OK');
    await rig.until('the end of the connection', () => nodes[0]!.open === 0);
    expect(rig.left).toEqual(NOTHING_LEFT);
  });

  test('case 24: what was sent before a barrier and is redirected behind it is lost, not sent late', async () => {
    await start({ keepsUnsent: false });
    rig.nodes[0]!.script = (command) => (command === 'FLUSHALL' ? '+OK\r\n' : rig.moved(1));
    rig.send('SET ghost 1');
    rig.lane.barrier();
    const flush = encodeCommand(['FLUSHALL']);
    for (const node of [0, 1]) rig.lane.sendTo(node, rig.entry(`FLUSHALL ${node}`), flush, 0, flush.length);
    rig.send('SET key 2');
    await rig.hears(4);
    expect([...rig.heard].sort()).toEqual([
      'FLUSHALL 0: +OK',
      'FLUSHALL 1: +OK',
      'SET ghost 1: lost',
      'SET key 2: +OK',
    ]);
    expect(rig.nodes[1]!.received).toEqual(['FLUSHALL', 'SET key 2']);
    expect(rig.left).toEqual(NOTHING_LEFT);
  });
});

describe('a side that is one server', () => {
  test('READONLY: the commands wait for the server that takes its place', async () => {
    const { nodes, routes } = await start({ hasSlots: false });
    nodes[0]!.script = () => "-READONLY You can't write against a read only replica.\r\n";
    for (const command of numbers(1, 3)) rig.send(command, 3 * SLOT);
    await rig.until('the lane to ask', () => routes.doubts.length > 0);
    routes.map.assign(HOME, 1);
    rig.lane.mapChanged();
    expect(await rig.hears(3)).toEqual(numbers(1, 3).map((command) => `${command}: +OK`));
    expect(nodes[1]!.received).toEqual(numbers(1, 3));
    expect(rig.left).toEqual(NOTHING_LEFT);
  });

  test('READONLY on a lane that keeps nothing is a loss: what belongs to it was selected elsewhere', async () => {
    await start({ hasSlots: false, keepsUnsent: false });
    rig.nodes[0]!.script = () => "-READONLY You can't write against a read only replica.\r\n";
    rig.send('SET a 1');
    expect(await rig.hears(1)).toEqual(['SET a 1: lost']);
    expect(rig.routes.doubts.length).toBeGreaterThan(0);
  });
});
