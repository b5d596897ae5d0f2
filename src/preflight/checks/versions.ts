/**
 * Versions, and whether the payloads of DUMP can go over, in both directions: a rollback needs the other one.
 *
 * RESTORE takes payloads of its own version and of all older ones. Which version a server makes is in the footer of any
 * payload; nothing is restored to find out. Where no payload could be had, the version of the server tells.
 */
import { type Facts, field, productOf, type SideFacts, versionOf } from '../facts.js';
import { blocker, type Finding, note, warning } from '../finding.js';

/** Since which version of Redis payloads have which version, newest first. */
const RDB_VERSIONS: readonly (readonly [since: readonly [number, number], rdb: number])[] = [
  [[7, 4], 12],
  [[7, 2], 11],
  [[7, 0], 10],
  [[5, 0], 9],
  [[4, 0], 8],
  [[3, 2], 7],
  [[2, 6], 6],
];

export function checkVersions(facts: Facts): Finding[] {
  const { source, target } = facts;
  return [...tooOld(source), ...tooOld(target), ...older(facts), ...dumps(facts)];
}

function tooOld(side: SideFacts): Finding[] {
  const [major, minor] = numbers(versionOf(side));
  if (versionOf(side) === '' || isAtLeast(major, minor, [4, 0])) return [];
  return [
    blocker(
      'version-too-old',
      `The ${side.side} is older than anything that Ferry is tried with: it lacks what copies and logins need.`,
      `${productOf(side)} on ${side.servers[0]!.name}`,
      'Upgrade it to Redis 4.0 or later first; a newer patch level of 5.0 or later is better.',
    ),
  ];
}

function older({ source, target }: Facts): Finding[] {
  const [from, to] = [versionOf(source), versionOf(target)];
  if (from === '' || to === '') return [];
  const [major, minor] = numbers(to);
  const [sourceMajor, sourceMinor] = numbers(from);
  if (isAtLeast(major, minor, [sourceMajor, sourceMinor])) return [];
  return [
    warning(
      'target-older',
      'The target is older than the source: what the application uses of the newer one will be missing there.',
      `source ${productOf(source)}, target ${productOf(target)}`,
      'Move to the same or a newer version. Commands in use that the target lacks are listed by themselves.',
    ),
  ];
}

function dumps({ source, target }: Facts): Finding[] {
  const [made, taken] = [rdbVersionOf(source), rdbVersionOf(target)];
  if (made === null || taken === null) {
    return [
      note(
        'dump-unknown',
        'Whether DUMP payloads of one side can be restored on the other could not be found out.',
        `source ${made ?? 'unknown'}, target ${taken ?? 'unknown'}`,
        'Nothing needs to be done: Ferry finds it out at its start, and copies by type where it must.',
      ),
    ];
  }
  const versions = `payloads of the source have version ${made}, of the target ${taken}`;
  if (made > taken) {
    return [
      warning(
        'dump-forward',
        'The target cannot restore what DUMP gives on the source, so every key is copied by its type: exact, but several times slower.',
        versions,
        'Use a target of at least the version of the source, or plan the time: ferry status shows the rate.',
      ),
    ];
  }
  if (taken > made) {
    return [
      note(
        'dump-back',
        'The source cannot restore what DUMP gives on the target: after the cutover, what must be copied back for a rollback is copied by its type, which is slower.',
        versions,
        'Nothing, unless a rollback must be quick: then do it soon after the cutover.',
      ),
    ];
  }
  return [];
}

export function rdbVersionOf(side: SideFacts): number | null {
  const told = side.servers.map(({ rdbVersion }) => rdbVersion).filter((version) => version !== null);
  if (told.length > 0) return Math.max(...told);
  const version = versionOf(side);
  // a fork counts in its own way
  if (version === '' || field(side.servers[0]!, 'valkey_version') !== '') return null;
  const [major, minor] = numbers(version);
  return RDB_VERSIONS.find(([since]) => isAtLeast(major, minor, since))?.[1] ?? null;
}

function numbers(version: string): [major: number, minor: number] {
  const [major, minor] = version.split('.').map(Number);
  return [major || 0, minor || 0];
}

function isAtLeast(major: number, minor: number, [wantedMajor, wantedMinor]: readonly [number, number]): boolean {
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
