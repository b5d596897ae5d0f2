/**
 * The verdict on one case that ran through Ferry: the class it was mirrored with, its replies, and whether both sides
 * hold the same afterwards. Each function answers with sentences about what is wrong; none means all is well.
 */
import type { Mirrored } from './ferry-under-test.js';
import { changedKeys } from './running.js';
import { canonical, difference, type ServerState } from './state.js';
import type { WireReply } from './wire.js';
import { prefixOf, type WriteCase } from './write-case.js';

/** A relative TTL is turned into a moment by Ferry's idea of the authority's clock. */
const DERIVED_TTL_TOLERANCE_MS = 1000;

/** What write-case.ts says about classes. `then`: from the second effect on, since the first may make its keys known. */
export function wrongClasses(expected: string, then: string, mirrored: readonly Mirrored[]): string[] {
  const actual = mirrored.flatMap(({ mirrorClass }) => (mirrorClass === 'none' ? [] : [`${mirrorClass} `]));
  const words = expected === '' ? [] : expected.split(' ');
  const pattern = words.length === 1 ? `${one(expected)}(?:${one(expected)}|${one(then)})*` : words.map(one).join('');
  if (new RegExp(`^${pattern}$`).test(actual.join(''))) return [];
  const shown = mirrored.map(({ command, mirrorClass }) => `${command}: ${mirrorClass}`).join(', ');
  return [
    `mirrored as ${shown || 'nothing'}, not as ${expected || 'nothing'}${then === expected ? '' : `, then ${then}`}`,
  ];
}

/** A pattern for one word of a case's classes. */
function one(word: string): string {
  const classes = word.split('|').filter((mirrorClass) => mirrorClass !== 'none');
  return `(?:(?:${classes.join('|')}) )${word.includes('none') ? '?' : ''}`;
}

export function wrongReplies(write: WriteCase, expected: readonly WireReply[], actual: readonly WireReply[]): string[] {
  if (write.replyVaries) return [];
  return expected.flatMap((reply, i) => {
    const [want, got] = [canonical(reply), canonical(actual[i] ?? null)];
    return want === got ? [] : [`reply ${i + 1} is ${got.slice(0, 200)}, Redis says ${want.slice(0, 200)}`];
  });
}

export interface Observed {
  readonly before: ServerState;
  readonly after: ServerState;
  readonly mirrorBefore: ServerState;
  readonly mirror: ServerState;
  /** Everything went through Ferry: then every key of the case must be equal, not only the changed ones. */
  readonly allMirrored: boolean;
  /** Some TTL of the case was derived. */
  readonly ttlDerived: boolean;
}

/**
 * A key that the case did not change and that Ferry was never told of may be on the mirror what it was before (the
 * backfill brings it); but it is either that or equal.
 */
export function wrongState(write: WriteCase, seen: Observed): string[] {
  const changed = new Set(changedKeys(seen.before, seen.after, write));
  const problems: string[] = [];
  if (changed.size === 0 && !write.hidden && !write.alone) problems.push('changed nothing on the authority');
  const toleranceMs = seen.ttlDerived ? DERIVED_TTL_TOLERANCE_MS : 0;
  for (const name of namesOf(write, seen)) {
    const onMirror = seen.mirror.keys.get(name);
    const untouched = JSON.stringify(onMirror) === JSON.stringify(seen.mirrorBefore.keys.get(name));
    if (!seen.allMirrored && !changed.has(name) && untouched) continue;
    const differs = difference(seen.after.keys.get(name), onMirror, toleranceMs);
    if (differs !== '') problems.push(`${shortName(write, name)}: authority ≠ mirror: ${differs}`);
  }
  return problems;
}

function namesOf(write: WriteCase, seen: Observed): Set<string> {
  const prefix = prefixOf(write);
  const names = [seen.before, seen.after, seen.mirror].flatMap((state) => [...state.keys.keys()]);
  return new Set(names.filter((name) => name.slice(name.indexOf(' ') + 1).startsWith(prefix)));
}

function shortName(write: WriteCase, name: string): string {
  return name.replace(prefixOf(write), '@');
}

/** Keys on the mirror that no case made: leftovers of copies, say. */
export function strayKeys(cases: readonly WriteCase[], mirror: ServerState): string[] {
  const prefixes = new Set(cases.map(prefixOf));
  return [...mirror.keys.keys()].filter((name) => {
    const key = name.slice(name.indexOf(' ') + 1);
    return !prefixes.has(key.slice(0, key.indexOf('/', key.indexOf('/') + 1) + 1));
  });
}

/** For cases that change more than keys. */
export function wrongScripts(authority: ServerState, mirror: ServerState): string[] {
  const problems: string[] = [];
  if (authority.functions !== mirror.functions)
    problems.push(`functions: ${authority.functions} ≠ ${mirror.functions}`);
  if (authority.scripts !== mirror.scripts) problems.push(`scripts: ${authority.scripts} ≠ ${mirror.scripts}`);
  return problems;
}
