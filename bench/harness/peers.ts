/**
 * The proxies that Ferry is compared with, each as its authors would run it before one server: one process, one connection
 * string.
 *
 *   nutcracker   twemproxy; one event loop, one connection to the server
 *   haproxy      mode tcp: bytes and nothing else, a connection to the server for each of a client; one thread, as the others
 *   predixy      one worker thread; no package has it, so only where its path is given
 *
 * Options, then NUTCRACKER_BIN and the like, then bin/ensure-peers, which installs the first two, say where they are.
 */
import { execFile } from 'node:child_process';
import { accessSync, constants, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Child } from '../../src/cli/demo/child.js';
import type { Cleanup } from '../../src/cli/demo/cleanup.js';
import { freePort } from '../../src/cli/demo/redis.js';
import { until } from '../../src/cli/demo/waiting.js';
import { ConfigError } from '../../src/config/errors.js';
import type { Contestant } from './contest.js';
import { PACKAGE_ROOT } from './package-root.js';
import { answers } from './ping.js';
import { openFilesLimit } from './process-figures.js';

export const PEER_NAMES = ['nutcracker', 'haproxy', 'predixy'] as const;
export type PeerName = (typeof PEER_NAMES)[number];

export interface Peer {
  readonly name: PeerName;
  readonly path: string;
  readonly version: string;
}

export type Peers = ReadonlyMap<PeerName, Peer>;

const PACKAGED: readonly PeerName[] = ['nutcracker', 'haproxy'];
const START_TIMEOUT_MS = 5000;
/** What no row needs more of. */
const MOST_FILES = 65_536;
/** For HAProxy's own purposes. */
const SPARE_FILES = 200;

/** Those that can be had, installed if need be. What cannot is not in the map, and was told on stderr. */
export async function findPeers(
  given: Partial<Record<PeerName, string>>,
  mayInstall: boolean,
  tell: (text: string) => void,
): Promise<Peers> {
  const paths = new Map<PeerName, string>();
  for (const name of PEER_NAMES) {
    const path = given[name] ?? process.env[variableOf(name)];
    if (path === undefined || path === '') continue;
    if (!isExecutable(path)) throw new ConfigError(`--${name}: ${path} cannot be run.`);
    paths.set(name, path);
  }
  const wanted = PACKAGED.filter((name) => !paths.has(name));
  if (wanted.length > 0 && mayInstall) {
    const { stdout, stderr } = await ensure(wanted);
    if (stderr !== '') tell(stderr.trimEnd());
    for (const [, name, path] of stdout.matchAll(/^(\w+)=(.+)$/gm)) paths.set(name as PeerName, path!);
  }
  const peers = new Map<PeerName, Peer>();
  for (const [name, path] of paths) peers.set(name, { name, path, version: await versionOf(name, path) });
  return peers;
}

/** Resolves when a command sent through it is answered. */
export async function startPeer(peer: Peer, serverPort: number, dir: string, cleanup: Cleanup): Promise<Contestant> {
  const port = await freePort();
  const args = await ARGUMENTS[peer.name](dir, port, serverPort);
  const child = new Child(peer.name, peer.path, args, {}, cleanup);
  const started = until(`${peer.name} on port ${port}`, START_TIMEOUT_MS, () => answers(port), 20);
  await Promise.race([child.ended, started]).catch((error: Error) => {
    throw new Error([error.message, ...child.tail(5)].join('\n'));
  });
  return { name: peer.name, port, pid: child.process.pid ?? null };
}

const ARGUMENTS: Record<PeerName, (dir: string, port: number, serverPort: number) => Promise<string[]>> = {
  async nutcracker(dir, port, serverPort) {
    const config = join(dir, 'nutcracker.yml');
    const lines = ['bench:', `  listen: 127.0.0.1:${port}`, '  redis: true', '  hash: fnv1a_64', '  preconnect: true'];
    lines.push('  backlog: 4096', '  servers:', `   - 127.0.0.1:${serverPort}:1`);
    writeFileSync(config, `${lines.join('\n')}\n`);
    const own = ['-o', join(dir, 'nutcracker.log'), '-p', join(dir, 'nutcracker.pid')];
    return ['-c', config, ...own, '-s', String(await freePort()), '-a', '127.0.0.1'];
  },
  async haproxy(dir, port, serverPort) {
    const config = join(dir, 'haproxy.cfg');
    const lines = ['global', '  nbthread 1', `  maxconn ${haproxyClients()}`, 'defaults', '  mode tcp'];
    lines.push('  timeout connect 5s', '  timeout client 1h', '  timeout server 1h');
    lines.push('listen bench', `  bind 127.0.0.1:${port}`);
    lines.push(`  server one 127.0.0.1:${serverPort}`);
    writeFileSync(config, `${lines.join('\n')}\n`);
    return ['-db', '-f', config];
  },
  async predixy(dir, port, serverPort) {
    const config = join(dir, 'predixy.conf');
    const lines = ['Name bench', `Bind 127.0.0.1:${port}`, 'WorkerThreads 1', 'MaxMemory 0', 'ClientTimeout 0'];
    lines.push('Authority {', '  Auth {', '    Mode admin', '  }', '}');
    lines.push('StandaloneServerPool {', '  Databases 1', '  Hash crc16', '  HashTag "{}"', '  Distribution modula');
    lines.push('  RefreshMethod fixed', '  Group one {', `    + 127.0.0.1:${serverPort}`, '  }', '}');
    writeFileSync(config, `${lines.join('\n')}\n`);
    return [config];
  },
};

/** Each takes two descriptors. Without a word it would let some connect and wait for ever once its own limit is reached. */
function haproxyClients(): number {
  return Math.floor((Math.min(openFilesLimit(), MOST_FILES) - SPARE_FILES) / 2);
}

async function ensure(names: readonly PeerName[]): Promise<{ stdout: string; stderr: string }> {
  try {
    return await promisify(execFile)(join(PACKAGE_ROOT, 'bin', 'ensure-peers'), [...names]);
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as Error & { stdout?: string; stderr?: string };
    return { stdout, stderr: stderr || message };
  }
}

async function versionOf(name: PeerName, path: string): Promise<string> {
  const asked = await promisify(execFile)(path, [name === 'nutcracker' ? '-V' : '-v']).catch((error: object) => error);
  const { stdout = '', stderr = '' } = asked as { stdout?: string; stderr?: string };
  return /\d+\.\d+[\w.+-]*/.exec(stdout + stderr)?.[0] ?? '';
}

function variableOf(name: PeerName): string {
  return `${name.toUpperCase()}_BIN`;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
