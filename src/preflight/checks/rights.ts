/** What Ferry's account may not do, what the server does not have, and the text of an account with just enough. */
import { type AccountFacts, callsOf, type Facts, isCluster, type SideFacts } from '../facts.js';
import { blocker, type Finding, note, warning } from '../finding.js';
import { aclText, NEEDS, type Need } from '../needs.js';

export function checkRights({ source, target }: Facts): Finding[] {
  // whoever has no FLUSHALL because nobody is to have it misses nothing
  const calls = callsOf(source);
  const isFlushed = ['flushall', 'flushdb'].some((name) => (calls.get(name) ?? 0) > 0);
  return [source, target].flatMap((side) => [
    ...missing(side),
    ...absent(side, isFlushed),
    ...patterns(side),
    ...text(side),
  ]);
}

function missing(side: SideFacts): Finding[] {
  const { account } = side;
  const lacked = NEEDS.filter(({ name }) => account.missing.includes(name));
  const vital = lacked.filter(({ isVital }) => isVital);
  const others = lacked.filter(({ isVital }) => !isVital);
  const findings: Finding[] = [];
  if (vital.length > 0) {
    findings.push(
      blocker(
        `${side.side}-rights-vital`,
        `Ferry's account on the ${side.side} may not do what the migration cannot go without.`,
        `${who(account)} lacks ${vital.map(({ name }) => name).join(', ')}`,
        aclOf(side),
      ),
    );
  }
  if (others.length > 0) {
    findings.push(
      warning(
        `${side.side}-rights`,
        `Ferry's account on the ${side.side} lacks rights; the migration works without them, less well.`,
        `${who(account)} lacks ${withConsequences(others)}`,
        aclOf(side),
      ),
    );
  }
  return findings;
}

function withConsequences(needs: readonly Need[]): string {
  return needs.map(({ name, without }) => `${name} (${without})`).join('; ');
}

function absent({ side, account }: SideFacts, isFlushed: boolean): Finding[] {
  const lacked = NEEDS.filter(({ name }) => account.absent.includes(name) && (name !== 'FLUSHALL' || isFlushed));
  const vital = lacked.filter(({ isVital }) => isVital);
  const others = lacked.filter(({ isVital }) => !isVital);
  const fix = `If it has them under other names, tell Ferry: --rename-${side} NAME=OTHER. Else allow them in its configuration (rename-command).`;
  const findings: Finding[] = [];
  if (vital.length > 0) {
    findings.push(
      blocker(
        `${side}-commands-vital`,
        `The ${side} does not have commands that the migration cannot go without, or not under their names.`,
        `not there: ${vital.map(({ name }) => name).join(', ')}`,
        fix,
      ),
    );
  }
  if (others.length > 0) {
    findings.push(
      warning(
        `${side}-commands`,
        `The ${side} does not have commands that Ferry would use, or not under their names; the migration works without them, less well.`,
        `not there: ${withConsequences(others)}`,
        fix,
      ),
    );
  }
  return findings;
}

function patterns(side: SideFacts): Finding[] {
  const { keyPatterns } = side.account;
  if (keyPatterns === null || keyPatterns.split(/\s+/).some((pattern) => pattern === '~*' || pattern === 'allkeys')) {
    return [];
  }
  return [
    blocker(
      `${side.side}-rights-keys`,
      `Ferry's account on the ${side.side} may not touch every key: those outside its patterns would be left behind.`,
      `${who(side.account)} may use ${keyPatterns === '' ? 'no keys' : keyPatterns}`,
      aclOf(side),
    ),
  ];
}

/** Always said, for those who want to give as little as possible. */
function text(side: SideFacts): Finding[] {
  if (side.commands !== null && !side.commands.has('acl')) return []; // before 6.0
  const { account } = side;
  const how = {
    'dry run': 'every right was asked for (ACL DRYRUN), and none was used',
    rules: 'its rights were read from its rules (ACL GETUSER)',
    probes: 'only rights to read could be tried; those to write were not',
  }[account.askedBy];
  return [
    note(
      `${side.side}-acl`,
      `The least that Ferry's account on the ${side.side} needs, as ready text.`,
      `${who(account)}: ${how}`,
      aclOf(side),
    ),
  ];
}

function aclOf(side: SideFacts): string {
  return aclText(side.commands, 'ferry', isCluster(side));
}

function who({ user }: AccountFacts): string {
  return user === '' ? 'the account' : `the account '${user}'`;
}
