/**
 * What a Cluster adds to a workload: more slots than the four that everybody competes for, and commands over several.
 *
 * Whose keys are in several slots is known by the hash tags, all of which are in slots of their own. A Cluster that is
 * the authority refuses such (CROSSSLOT), but for those that Ferry splits; in a workload without crossings they are
 * given one tag before they are sent.
 */
import { keySlot } from '../../src/topology/crc16.js';
import type { Args } from './model.js';
import { TAGS } from './modelled.js';
import type { Random } from './random.js';
import { ErrorReply, type Reply } from './resp.js';

/** Tags of wild keys beside the modelled ones. */
const FAR_TAGS = Array.from({ length: 12 }, (_, i) => `far${i}`);

/** Slots with keys of the workload: the four that all clients compete for, and others. */
export const HOT_SLOTS = TAGS.map(slotOfTag);
export const FAR_SLOTS = FAR_TAGS.map(slotOfTag);

const SPLIT = new Set(['MGET', 'MSET', 'DEL', 'UNLINK', 'EXISTS', 'TOUCH']);
const CROSSSLOT = "CROSSSLOT Keys in request don't hash to the same slot";

function slotOfTag(tag: string): number {
  const key = Buffer.from(`{${tag}}`);
  return keySlot(key, 0, key.length);
}

/** Some wild commands go to other slots: all of their keys of one slot to one other. */
export function spread(random: Random, args: Args): Args {
  if (!random.oneIn(3)) return args;
  const goesTo = new Map(TAGS.map((tag) => [tag as string, random.pick(FAR_TAGS)]));
  return retag(args, (tag) => goesTo.get(tag)!);
}

/** The wild keys that a workload begins with, in those slots too. */
export function fillFar(commands: readonly Args[]): Args[] {
  const ofFirst = commands.filter((args) => args.some((arg) => /^w:.*\{a\}$/.test(arg) && !arg.startsWith('w:big')));
  return FAR_TAGS.flatMap((tag) => ofFirst.map((args) => retag(args, () => tag)));
}

function retag(args: Args, to: (tag: string) => string): Args {
  return args.map((arg) => arg.replace(/^(w:[a-z0-9]+)\{([abcd])\}$/, (_, name, tag) => `${name}{${to(tag)}}`));
}

/** All of its keys in the slot of its first one, unless Ferry splits it. */
export function inOneSlot(args: Args): Args {
  return SPLIT.has(args[0]!) ? args : withTag(args, tagsOf(args)[0] ?? 'a');
}

export function withTag(args: Args, tag: string): Args {
  return args.map((arg) => arg.replace(/^([a-z0-9:]+)\{[a-z0-9]+\}$/, `$1{${tag}}`));
}

function tagsOf(args: Args): string[] {
  return args.flatMap((arg) => /^[a-z0-9:]+\{([a-z0-9]+)\}$/.exec(arg)?.[1] ?? []);
}

/** Must a Cluster refuse it? Of a transaction: all of its commands together, with what is watched. */
export function isAcross(commands: readonly Args[]): boolean {
  if (commands.length === 1 && SPLIT.has(commands[0]![0]!)) return false;
  return new Set(commands.flatMap(tagsOf)).size > 1;
}

export function isCrossSlot(reply: Reply | undefined): boolean {
  return reply instanceof ErrorReply && reply.word === 'CROSSSLOT';
}

/** A write of several keys that a later one of its client passed by while the slot was on its way: it did not run. */
export function isTryAgain(reply: Reply | undefined): boolean {
  return reply instanceof ErrorReply && reply.word === 'TRYAGAIN';
}

export function hasSeveralKeys(args: Args): boolean {
  return tagsOf(args).length > 1;
}

/** To the letter, as a Cluster's node says it. */
export function isExactCrossSlot(reply: Reply | undefined): boolean {
  return reply instanceof ErrorReply && reply.text === CROSSSLOT;
}

/** A Cluster has one database. */
export function needsOtherDatabase(args: Args): boolean {
  return args[0] === 'MOVE' || (args[0] === 'COPY' && args.includes('DB'));
}
