/**
 * A real Ferry in this process between two redis-servers, for damaged streams, and witnesses beside them: clients of the
 * same user, whose commands go over the same lanes, and whose every reply says whose it is.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ferry, startFerry } from '../../../src/app.js';
import { type ConfigOverrides, defaultConfig } from '../../../src/config/config.js';
import { Clock, RawClient } from '../../history/client.js';
import { Random } from '../../history/random.js';
import { show } from '../../history/resp.js';
import { type RedisServer, startRedis } from '../../support/redis.js';

export interface Witnesses {
  /** None of them asks any more: something is wrong. */
  readonly isOver: boolean;
  /** How many tagged replies they asked for, and which were wrong, until now. */
  end(): Promise<{ asked: number; wrong: string[] }>;
}

const ANSWER_MS = 20_000;
/** How long a damaged connection may stay silent before it is left. */
const LEAVE_MS = 15;

export interface ServeOptions extends ConfigOverrides {
  /** Between Ferry and a server: where Ferry connects in its place. */
  before?(server: RedisServer): Promise<string>;
}

export async function serve({ before, ...overrides }: ServeOptions = {}): Promise<Served> {
  const [source, target] = await Promise.all([startRedis(), startRedis()]);
  const stateDir = mkdtempSync(join(tmpdir(), 'ferry-fuzz-'));
  const urlOf = async (server: RedisServer): Promise<string> => (before === undefined ? server.url : before(server));
  const config = defaultConfig({
    source: await urlOf(source),
    target: await urlOf(target),
    listen: { host: '127.0.0.1', port: 0 },
    admin: { port: 0 },
    stateDir,
    phase: 'dual-write',
    logLevel: 'silent',
    ...overrides,
  });
  const ferry = await startFerry(config);
  return new Served(ferry, [source, target], stateDir);
}

export class Served {
  constructor(
    readonly ferry: Ferry,
    private readonly servers: readonly RedisServer[],
    private readonly stateDir: string,
  ) {}

  /** One connection that sends `bytes` in pieces and reads whatever comes, until either side has had enough. */
  harass(bytes: Buffer, random: Random): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect({ port: this.ferry.port, host: '127.0.0.1', noDelay: true });
      let leave: NodeJS.Timeout | undefined;
      socket.on('connect', () => {
        const cut = random.below(bytes.length + 1);
        socket.write(bytes.subarray(0, cut));
        socket.write(bytes.subarray(cut));
        leave = setTimeout(() => (random.oneIn(2) ? socket.destroy() : socket.end()), random.below(LEAVE_MS));
        // a half-closed one that waits for something is left too
        setTimeout(() => socket.destroy(), ANSWER_MS).unref();
      });
      socket.on('data', () => {});
      socket.on('error', () => {});
      socket.on('close', () => {
        clearTimeout(leave);
        resolve();
      });
    });
  }

  /** They ask until `end`. `mayLose`: their connections may be closed; they connect again then. */
  witnesses(count: number, mayLose = false): Witnesses {
    let working = true;
    let asked = 0;
    let active = count;
    const wrong: string[] = [];
    const one = async (number: number): Promise<void> => {
      const client = new RawClient(null, new Clock(), new Random(number));
      for (let n = 0; working; n++) {
        if (!client.connected) await client.connect(this.ferry.port, 0);
        const tag = `witness ${number}, question ${n}, ${'='.repeat(n % 50)}`;
        const key = `witness:${number}`;
        const exchanges = client.send([
          ['ECHO', tag],
          ['SET', key, tag],
          ['GET', key],
          ['LPUSH', `${key}:list`, tag],
          ['LINDEX', `${key}:list`, '0'],
          ['DEL', `${key}:list`],
        ]);
        await client.settled();
        const expected = [tag, 'OK', tag, 1, tag, 1];
        for (const [i, { reply, args }] of exchanges.entries()) {
          if (reply === undefined) {
            if (!mayLose) wrong.push(`${args.join(' ')} was not answered`);
            break;
          }
          asked++;
          if (reply === expected[i]) continue;
          const isAnothers = typeof reply === 'string' && /^witness \d+, question \d+, =*$/.test(reply);
          if (isAnothers || !mayLose) wrong.push(`${args.join(' ')} was answered ${show(reply)}`);
        }
        if (wrong.length > 5) return;
      }
      client.drop();
    };
    const all = Promise.all(
      Array.from({ length: count }, (_, number) =>
        one(number)
          .catch((error) => void wrong.push(String(error)))
          .finally(() => active--),
      ),
    );
    return {
      get isOver() {
        return active === 0;
      },
      async end() {
        working = false;
        await all;
        return { asked, wrong };
      },
    };
  }

  /** Does a new client get its answer? */
  async isServing(): Promise<boolean> {
    const client = new RawClient(null, new Clock(), new Random(0));
    await client.connect(this.ferry.port, 0);
    const [reply] = await client.ask([['ECHO', 'still here']]);
    client.drop();
    return reply === 'still here';
  }

  async stop(): Promise<void> {
    await this.ferry.stop();
    await Promise.all(this.servers.map((server) => server.stop()));
    rmSync(this.stateDir, { recursive: true, force: true });
  }
}
