/** Preparing servers for a workload, and judging what came out of it. */
import { checkHistory } from './checker.js';
import type { Identity } from './client.js';
import { Direct, readState } from './compare.js';
import { explain } from './evidence.js';
import { logKeys } from './logs.js';
import { redisModel, SCRIPT_DIGESTS, SCRIPTS, type State } from './model.js';
import { keysOf, NARROW_USER_RULES, type Tag } from './modelled.js';
import type { ObjectName, Workload } from './workload.js';

export const WIDE: Identity = { user: 'wide', password: 'wide-secret' };
export const NARROW: Identity = { user: 'narrow', password: 'narrow-secret' };

/** Once per deployment: the workload's users, on every server of it. */
export async function addUsers(ports: readonly number[]): Promise<void> {
  const servers = await Direct.open(ports, 0);
  const replies = await servers.askEach([
    ['ACL', 'SETUSER', WIDE.user, 'on', `>${WIDE.password}`, '~*', '&*', '+@all'],
    ['ACL', 'SETUSER', NARROW.user, 'on', `>${NARROW.password}`, ...NARROW_USER_RULES],
  ]);
  servers.drop();
  if (replies.flat().some((reply) => reply !== 'OK')) throw new Error(`ACL SETUSER: ${JSON.stringify(replies)}`);
}

/** Loads the scripts on otherwise empty servers, so that EVALSHA finds them, and remembers their digests. */
export async function loadScripts(ports: readonly number[]): Promise<void> {
  const servers = await Direct.open(ports, 0);
  const names = Object.keys(SCRIPTS);
  const [digests] = await servers.askEach(names.map((name) => ['SCRIPT', 'LOAD', SCRIPTS[name]!]));
  names.forEach((name, i) => {
    SCRIPT_DIGESTS.set(digests![i] as string, name);
  });
  servers.drop();
}

/** Empties a deployment and gives it what the workload starts from. */
export async function fill(ports: readonly number[], workload: Workload): Promise<void> {
  for (const { db, commands } of workload.fill()) {
    const servers = await Direct.open(ports, db);
    if (db === 0) await servers.askEach([['FLUSHALL']]);
    await servers.ask(commands);
    servers.drop();
  }
}

/** Every violation in what the clients saw; `authority` are the servers whose state their writes made. */
export async function judge(workload: Workload, authority: readonly number[]): Promise<string[]> {
  const last = new Map<ObjectName, State>();
  const wrong: string[] = [];
  for (const db of workload.databases) {
    const servers = await Direct.open(authority, db);
    for (const object of workload.objects()) {
      if (object.startsWith(`${db}:`)) last.set(object, await readState(servers, keysOf(object.slice(2) as Tag)));
    }
    const logs = await servers.ask(logKeys().map((key) => ['LRANGE', key, '0', '-1']));
    servers.drop();
    wrong.push(...workload.judgeLogs(db, new Map(logKeys().map((key, i) => [key, logs[i] as string[]]))));
  }
  for (const [object, history] of workload.histories(last)) {
    const verdict = checkHistory(redisModel, workload.firstState(object), history);
    if (verdict.kind === 'violation') wrong.push(explain(object, verdict.furthest));
    if (verdict.kind === 'too-hard') wrong.push(`object ${object}: no verdict after ${verdict.visited} states`);
  }
  return [...workload.violations, ...wrong];
}
