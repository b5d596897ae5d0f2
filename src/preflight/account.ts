/**
 * What Ferry's account may do on a server, found out without doing any of it:
 *
 *   dry run   ACL DRYRUN (since 7.0)
 *   rules     ACL GETUSER and the categories that COMMAND tells (6.x, or where DRYRUN is withheld)
 *   probes    the harmless ones of lanes/rights-probe.ts, as Ferry does it itself; not those that would be writes
 *
 * What the server does not have is told apart (COMMAND, and a dry run of it): no right is missing there, and no ACL text helps.
 */
import { isRefusal, missingRights } from '../lanes/rights-probe.js';
import type { Looker } from './connect.js';
import type { AccountFacts, CommandFacts } from './facts.js';
import { allowedByRules, listsSubcommands, NEEDS, type Need, OWN_KEY } from './needs.js';

export async function accountOn(
  looker: Looker,
  isCluster: boolean,
  commands: ReadonlyMap<string, CommandFacts> | null,
): Promise<AccountFacts> {
  const all = NEEDS.filter(({ on }) => on !== 'cluster' || isCluster);
  const needs = all.filter(({ call }) => exists(call, commands));
  const absent = all.filter((need) => !needs.includes(need) && isExpected(need, commands)).map(({ name }) => name);
  const user = await looker.ask('ACL', 'WHOAMI').then(String, () => '');
  const rules = user === '' ? null : await rulesOf(looker, user);
  const keyPatterns = rules?.keys ?? null;
  if (user !== '') {
    const asked = await byDryRun(looker, user, needs);
    if (asked !== null) {
      return { user, askedBy: 'dry run', missing: asked.missing, absent: [...absent, ...asked.absent], keyPatterns };
    }
  }
  if (rules !== null && commands !== null) {
    return { user, askedBy: 'rules', missing: byRules(rules, needs, commands), absent, keyPatterns };
  }
  return { user, askedBy: 'probes', missing: await byProbes(looker, needs), absent, keyPatterns };
}

/** A command that the server does not have is none that an account could be given. */
function exists([name, sub]: Need['call'], commands: ReadonlyMap<string, CommandFacts> | null): boolean {
  if (commands === null) return true;
  const lower = name.toLowerCase();
  if (!commands.has(lower)) return false;
  if (sub === undefined) return true;
  const withSub = `${lower}|${sub.toLowerCase()}`;
  const hasSubs = [...commands.keys()].some((other) => other.startsWith(`${lower}|`));
  return !hasSubs || commands.has(withSub);
}

/** Functions came with 7.0, as did subcommands in COMMAND; all else is in every version that Ferry is for. */
function isExpected({ call: [name] }: Need, commands: ReadonlyMap<string, CommandFacts> | null): boolean {
  return name !== 'FUNCTION' || (commands !== null && listsSubcommands(commands));
}

async function byDryRun(
  looker: Looker,
  user: string,
  needs: readonly Need[],
): Promise<{ missing: string[]; absent: string[] } | null> {
  const missing: string[] = [];
  const absent: string[] = [];
  for (const { name, call } of needs) {
    const [command, ...args] = call;
    try {
      const answer = await looker.ask('ACL', 'DRYRUN', user, looker.wireName(command), ...args);
      if (String(answer) !== 'OK') missing.push(name);
    } catch (error) {
      if (looker.wasLost) throw error;
      // COMMAND lists what was renamed by its old name
      if (/^ERR Command '.*' not found/i.test((error as Error).message)) absent.push(name);
      // 6.x has no DRYRUN, some accounts may not ask
      else if (isRefusal(error) || /unknown subcommand/i.test(String(error))) return null;
    }
  }
  return { missing, absent };
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
