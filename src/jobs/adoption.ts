/**
 * A start with a state directory that is not the newest that there is: why it is refused, and what to do instead.
 *
 * With `--adopt` Ferry goes on with what the servers know, which makes one side what the other one is. So it is refused, with
 * or without, where a side never heard of the migration: that is most likely a slip in a URL, and a server with other data, or
 * none, that would replace everything on the other side.
 */

import type { Upstream } from '../lanes/upstream.js';
import { LEASE_KEY, type LeaseRecord, type Verdict } from '../phases/lease-record.js';
import { PHASE_RULES, type Side } from '../phases/phase.js';
import { type Holder, type Lease, placeText } from './lease.js';
import { usedDatabases } from './used-databases.js';

/** Null: it is to be adopted. `path`: of the state directory. */
export async function refusalOf(
  verdict: Exclude<Verdict, { kind: 'ours' }>,
  path: string,
  isAdopting: boolean,
  sides: Readonly<Record<Side, Upstream>>,
  lease: Lease,
): Promise<string | null> {
  const { record } = verdict;
  const other = await lease.otherAtWork();
  const runs = other === null ? '' : `Another Ferry (${other.holder}) is at work${placeText(other)}. `;
  if (verdict.kind === 'foreign') {
    return `${runs}The ${verdict.on} belongs to the migration ${record.migration} (${record.phase}, as its ${record.side}) and not to that of ${path}: finish that one with its own Ferry. If it is over, delete the key ${LEASE_KEY} on the ${verdict.on}.`;
  }
  const stranger = await strangerText(record, sides, await lease.unaware());
  if (stranger !== null) return runs + stranger;
  return isAdopting ? null : runs + behindText(record, path, other);
}

function behindText({ migration, epoch, phase, authority }: LeaseRecord, path: string, other: Holder | null): string {
  const known = `The servers know of the migration ${migration} in ${phase}, epoch ${epoch}, where the ${authority} has the authority, and ${path} does not`;
  if (other !== null) {
    return `${known}: that is the other one's. While it runs, it is the one to ask, and no other is needed. To replace it, stop it, and start with its --state-dir. Only if that is lost, start with --adopt --takeover: this one cuts the other one off, goes on in ${phase}, and compares and copies everything again.`;
  }
  return `${known}: it was lost, or is an old copy. Give the right --state-dir. If there is none any more, start with --adopt: Ferry goes on in ${phase} and compares and copies everything again. (For a new migration of these servers, delete the key ${LEASE_KEY} on both.)`;
}

/** `unaware`: the sides that have no record. Null: nothing would be lost on account of them. */
async function strangerText(
  { migration, epoch, phase, authority }: LeaseRecord,
  sides: Readonly<Record<Side, Upstream>>,
  unaware: readonly Side[],
): Promise<string | null> {
  if (!PHASE_RULES[phase].mirrored) return null;
  for (const side of unaware) {
    const other = side === 'source' ? 'target' : 'source';
    const who = `The ${side} ${sides[side].endpoint.url} does not know of the migration ${migration} (${phase}, epoch ${epoch}) that the ${other} tells of`;
    if (side === authority) {
      return `${who}, and in which the ${side} has the authority: everything on the ${other} would become as it is there. Give the right --${side}. If it is the right one, say whose data counts: delete the key ${LEASE_KEY} on the ${other}, and start with a new --state-dir and --phase source-only for the source's data, target-only for the target's.`;
    }
    if ((await usedDatabases(sides[side])).size > 0) {
      return `${who}, and is not empty: what it has would be deleted, or replaced by what the ${other} has. Give the right --${side}. If it is the right one, empty it first: everything is copied again.`;
    }
  }
  return null;
}
