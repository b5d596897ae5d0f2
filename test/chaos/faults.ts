/**
 * What can happen to a server, or to the network before it, each as one act: it strikes, stays until `hold` is over, and
 * is lifted; when the act resolves, the server is well and reachable again.
 *
 * `forgets`: the server itself loses writes that it acknowledged. No proxy brings back what an authority forgot; the
 * mirror follows it then, and such a seed is judged by the equality of the sides and not by its history.
 * `refusals`: with which errors the server itself refuses commands meanwhile; a client may see them of the authority.
 * `closes`: connections are lost, so that a client of the authority may lose its own.
 */
import type { Random } from '../history/random.js';
import { pause, SickNode } from './node.js';

export interface Fault {
  readonly kind: 'node' | 'network';
  readonly forgets?: true;
  readonly closes?: true;
  readonly refusals?: RegExp;
  act(node: SickNode, hold: () => Promise<void>, random: Random): Promise<void>;
}

export type FaultName =
  | 'kill -9'
  | 'SIGSTOP'
  | 'restart empty'
  | 'restart with old data'
  | 'out of memory'
  | 'eviction'
  | 'READONLY'
  | 'LOADING'
  | 'MISCONF'
  | 'password changed'
  | 'CLIENT KILL'
  | 'maxclients'
  | 'latency'
  | '10 kB/s'
  | 'half-open'
  | 'reset'
  | 'reordered connections'
  | 'corrupt reply';

const LOADING_US_PER_KEY = 6000;
const LATENCY_MS = 40;
const EVICTS_BYTES = 64 * 1024;

export const FAULTS: Readonly<Record<FaultName, Fault>> = {
  // ── the process
  'kill -9': {
    kind: 'node',
    closes: true,
    refusals: /^LOADING/,
    async act(node, hold) {
      await node.kill();
      await hold();
      await node.restart();
    },
  },
  SIGSTOP: {
    kind: 'node',
    async act(node, hold) {
      node.freeze();
      await hold();
      node.thaw();
    },
  },
  'restart empty': {
    kind: 'node',
    forgets: true,
    closes: true,
    async act(node, hold) {
      await node.kill();
      node.forget();
      await hold();
      await node.restart();
    },
  },
  'restart with old data': {
    kind: 'node',
    forgets: true,
    closes: true,
    refusals: /^LOADING/,
    async act(node, hold) {
      node.remember();
      await hold(); // what is written meanwhile is forgotten
      await node.kill();
      node.rewind();
      await node.restart();
    },
  },
  LOADING: {
    kind: 'node',
    closes: true,
    refusals: /^LOADING/,
    async act(node, hold) {
      await node.compact();
      node.loadsSlowly(LOADING_US_PER_KEY);
      await node.kill();
      await Promise.all([node.restart(), hold()]);
      node.loadsSlowly(0);
    },
  },

  // ── what it refuses
  'out of memory': {
    kind: 'node',
    refusals: /^OOM|OOM command not allowed/,
    async act(node, hold) {
      await node.tell(['CONFIG', 'SET', 'maxmemory-policy', 'noeviction'], ['CONFIG', 'SET', 'maxmemory', '1']);
      await hold();
      await node.tell(['CONFIG', 'SET', 'maxmemory', '0']);
    },
  },
  eviction: {
    kind: 'node',
    forgets: true,
    refusals: /^OOM|OOM command not allowed/,
    async act(node, hold) {
      const limit = (await node.usedMemory()) - EVICTS_BYTES;
      await node.tell(
        ['CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random'],
        ['CONFIG', 'SET', 'maxmemory', String(limit)],
      );
      await hold();
      await node.tell(['CONFIG', 'SET', 'maxmemory', '0'], ['CONFIG', 'SET', 'maxmemory-policy', 'noeviction']);
    },
  },
  READONLY: {
    kind: 'node',
    refusals: /READONLY/,
    async act(node, hold) {
      await node.tell(['REPLICAOF', '127.0.0.1', String(await SickNode.deadPort())]);
      await hold();
      await node.tell(['REPLICAOF', 'NO', 'ONE']);
    },
  },
  MISCONF: {
    kind: 'node',
    refusals: /MISCONF/,
    async act(node, hold) {
      await node.failBackgroundSave();
      await hold();
      await node.takeWritesAgain();
    },
  },
  'password changed': {
    kind: 'node',
    closes: true,
    refusals: /NOAUTH|WRONGPASS/,
    async act(node, hold) {
      await node.tell(['CONFIG', 'SET', 'requirepass', 'another one'], ['CLIENT', 'KILL', 'TYPE', 'normal']);
      await hold();
      await node.tell(['CONFIG', 'SET', 'requirepass', '']);
    },
  },
  'CLIENT KILL': {
    kind: 'node',
    closes: true,
    async act(node, hold, random) {
      for (let left = random.between(1, 4); left > 0; left--) {
        await node.tell(['CLIENT', 'KILL', 'TYPE', 'normal']);
        await pause(random.below(120));
      }
      await hold();
    },
  },
  maxclients: {
    kind: 'node',
    closes: true,
    refusals: /max number of clients/,
    async act(node, hold) {
      const [, before] = (await node.tell(['CONFIG', 'GET', 'maxclients']))[0] as readonly string[];
      await node.tell(['CONFIG', 'SET', 'maxclients', '1'], ['CLIENT', 'KILL', 'TYPE', 'normal']);
      await hold();
      await node.tell(['CONFIG', 'SET', 'maxclients', before!]);
    },
  },

  // ── the network
  latency: {
    kind: 'network',
    async act({ injector }, hold) {
      injector.weather = { latencyMs: LATENCY_MS, bytesPerSecond: 0, vanishes: false };
      await hold();
      injector.heal();
    },
  },
  '10 kB/s': {
    kind: 'network',
    async act({ injector }, hold) {
      injector.weather = { latencyMs: 0, bytesPerSecond: 10_000, vanishes: false };
      await hold();
      injector.heal();
    },
  },
  'half-open': {
    kind: 'network',
    closes: true,
    async act({ injector }, hold) {
      injector.weather = { latencyMs: 0, bytesPerSecond: 0, vanishes: true };
      await hold();
      injector.heal();
    },
  },
  reset: {
    kind: 'network',
    closes: true,
    async act({ injector }, hold, random) {
      for (let left = random.between(1, 5); left > 0; left--) {
        injector.resetWithin(random.pick([10, 300, 3000]));
        await pause(random.below(100));
      }
      await hold();
      injector.heal();
    },
  },
  'reordered connections': {
    kind: 'network',
    closes: true,
    async act({ injector }, hold, random) {
      // so that something is on its way
      injector.weather = { latencyMs: LATENCY_MS, bytesPerSecond: 0, vanishes: false };
      await pause(random.between(20, 60));
      injector.weather = { latencyMs: 0, bytesPerSecond: 0, vanishes: false };
      injector.orphan();
      await hold();
      injector.heal();
    },
  },
  'corrupt reply': {
    kind: 'network',
    closes: true,
    async act({ injector }, hold, random) {
      for (let left = random.between(1, 4); left > 0; left--) {
        injector.corrupt();
        await pause(random.below(100));
      }
      await hold();
      injector.heal();
    },
  },
};

export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[];
