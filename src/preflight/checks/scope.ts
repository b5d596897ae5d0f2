/**
 * What is left out of the migration (`--include`, `--exclude`), as far as the sample tells: which keys, and what becomes of
 * them at the cutover. The other checks are about what is migrated only.
 */
import { number } from '../../observe/figures.js';
import type { Scope } from '../../topology/scope.js';
import type { Facts, LeftOut, Sample, SampledKey } from '../facts.js';
import { blocker, type Finding, warning } from '../finding.js';
import { prefixOf } from '../profile.js';
import { percent, some } from '../wording.js';

/** The sample without what is left out, and what that is. Null: everything is migrated. */
export function withinScope(sample: Sample, scope: Scope | null): { sample: Sample; leftOut: LeftOut | null } {
  if (scope === null) return { sample, leftOut: null };
  const isIn = ({ db, key }: SampledKey): boolean => scope.has(db, key);
  const keys = sample.keys.filter(isIn);
  const out = sample.keys.filter((key) => !isIn(key));
  return {
    sample: { ...sample, keys },
    leftOut: { keys: out, bytesShare: bytesOf(out) / (bytesOf(sample.keys) || 1) },
  };
}

export function checkScope({ leftOut, sample }: Facts): Finding[] {
  if (leftOut === null) return [];
  const { keys } = leftOut;
  const all = sample.keys.length + keys.length;
  if (all === 0) return [];
  const rule = '--include and --exclude';
  if (sample.keys.length === 0) {
    return [
      blocker(
        'nothing-included',
        `No key that was looked at is to be migrated: ${rule} leave out everything.`,
        `${number(keys.length)} of ${number(all)} keys: ${prefixesOf(keys)}`,
        'Check the patterns and the database numbers: names are matched whole, as by SCAN MATCH (user:* and not user:).',
      ),
    ];
  }
  if (keys.length === 0) return [];
  return [
    warning(
      'left-out',
      'Keys are left out of the migration. Until the cutover the source serves them; at the cutover they stay behind there, and clients see of such names what the target has.',
      `${percent(keys.length, all)} of the keys that were looked at, ${percent(leftOut.bytesShare, 1)} of their bytes: ${prefixesOf(keys)}`,
      `If that is not meant, change ${rule}. If it is, make sure that nobody needs them after the cutover.`,
    ),
  ];
}

function prefixesOf(keys: readonly SampledKey[]): string {
  const counts = new Map<string, number>();
  for (const { db, key } of keys) {
    const name = `${prefixOf(key).prefix} in db${db}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const byCount = [...counts].sort(([, a], [, b]) => b - a);
  return some(byCount.map(([name, count]) => `${name} (${number(count)})`));
}

function bytesOf(keys: readonly SampledKey[]): number {
  return keys.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
}
