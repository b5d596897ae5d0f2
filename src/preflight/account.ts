/**
 * What Ferry's account may do on a server, found out without doing any of it:
 *
 *   dry run   ACL DRYRUN (since 7.0)
 *   rules     ACL GETUSER and the categories that COMMAND tells (6.x, or where DRYRUN is withheld)
 *   probes    the harmless ones of lanes/rights-probe.ts, as Ferry does it itself; not those that would be writes
 */
import { isRefusal, missingRights } from '../lanes/rights-probe.js';
import type { Looker } from './connect.js';
import type { AccountFacts, CommandFacts } from './facts.js';
import { allowedByRules, NEEDS, type Need, OWN_KEY } from './needs.js';

export async function accountOn(
  looker: Looker,
  isCluster: boolean,
  commands: ReadonlyMap<string, CommandFacts> | null,
): Promise<AccountFacts> {
  const needs = NEEDS.filter(({ on, call }) => (on !== 'cluster' || isCluster) && exists(call, commands));
  const user = await looker.ask('ACL', 'WHOAMI').then(String, () => '');
  const rules = user === '' ? null : await rulesOf(looker, user);
  const keyPatterns = rules?.keys ?? null;
  if (user !== '') {
    const missing = await byDryRun(looker, user, needs);
    if (missing !== null) return { user, askedBy: 'dry run', missing, keyPatterns };
  }
  if (rules !== null && commands !== null) {
    return { user, askedBy: 'rules', missing: byRules(rules, needs, commands), keyPatterns };
  }
  return { user, askedBy: 'probes', missing: await byProbes(looker, needs), keyPatterns };
}

/** A command that the server does not have is none that an account could be given. */
function exists([name, sub]: Need['call'], commands: ReadonlyMap<string, CommandFacts> | null): boolean {
  if (commands === null) return true;
  const lower = name.toLowerCase();
  if (!commands.has(lower)) return false;
  const withSub = `${lower}|${(sub ?? '').toLowerCase()}`;
  const hasSubs = [...commands.keys()].some((other) => other.startsWith(`${lower}|`));
  return !hasSubs || commands.has(withSub);
}

async function byDryRun(looker: Looker, user: string, needs: readonly Need[]): Promise<string[] | null> {
  const missing: string[] = [];
  for (const { name, call } of needs) {
    try {
      if (String(await looker.ask('ACL', 'DRYRUN', user, ...call)) !== 'OK') missing.push(name);
    } catch (error) {
      if (looker.wasLost) throw error;
      // 6.x has no DRYRUN, some accounts may not ask
      if (isRefusal(error) || /unknown subcommand/i.test(String(error))) return null;
    }
  }
  return missing;
}

interface Rules {
  readonly commands: string;
  readonly keys: string;
}

async function rulesOf(looker: Looker, user: string): Promise<Rules | null> {
  const reply = await looker.ask('ACL', 'GETUSER', user).catch(() => null);
  if (!Array.isArray(reply)) return null;
  const at = (name: string): unknown => reply[reply.findIndex((word, i) => i % 2 === 0 && String(word) === name) + 1];
  const keys = at('keys');
  return {
    commands: String(at('commands')),
    keys: Array.isArray(keys) ? keys.map((pattern) => `~${String(pattern)}`).join(' ') : String(keys),
  };
}

function byRules(rules: Rules, needs: readonly Need[], commands: ReadonlyMap<string, CommandFacts>): string[] {
  return needs
    .filter(({ call: [name, sub] }) => {
      const lower = name.toLowerCase();
      const full = `${lower}|${(sub ?? '').toLowerCase()}`;
      const facts = commands.get(full) ?? commands.get(lower);
      const asked = commands.has(full) || /^(client|config|memory|script|function|cluster)$/.test(lower) ? full : lower;
      return !allowedByRules(rules.commands, asked, facts?.categories ?? new Set());
    })
    .map(({ name }) => name);
}

/** What would be a write, or could change something, is not tried. */
const NOT_TRIED = new Set(['RESTORE', 'SCRIPT', 'WAIT']);

async function byProbes(looker: Looker, needs: readonly Need[]): Promise<string[]> {
  const missing = await missingRights(([name, ...args]) =>
    NOT_TRIED.has(String(name)) ? Promise.resolve() : looker.ask(String(name), ...args),
  );
  const found: string[] = [...missing].filter((right) => needs.some(({ name }) => name === right));
  const reads: [string, ...string[]][] = [
    ['GET', OWN_KEY],
    ['TYPE', OWN_KEY],
    ['PTTL', OWN_KEY],
    ['SCAN', '0'],
    ['TIME'],
    ['PING'],
  ];
  for (const [name, ...args] of reads) {
    try {
      await looker.ask(name, ...args);
    } catch (error) {
      if (isRefusal(error)) found.push(name);
    }
  }
  return found;
}
