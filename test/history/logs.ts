/**
 * The logs: one list per hash tag that all clients only push to, so that it keeps the order of all writes to its slot
 * for ever. LPUSH answers the length, which says where its element must be found at the end, counted from the tail.
 * Beside it a board of two fields that all clients write over and over: HSET answers 0 whatever order it ran in, so that
 * only the last value tells, on each server.
 */
import type { Exchange } from './client.js';
import type { Args } from './model.js';
import { TAGS } from './modelled.js';
import type { Random } from './random.js';

export function logKeys(): string[] {
  return TAGS.map((tag) => `w:log{${tag}}`);
}

export function pushToLog(random: Random, token: string): Args {
  return ['LPUSH', random.pick(logKeys()), token];
}

export function writeOnBoard(random: Random, token: string): Args {
  return ['HSET', `w:board{${random.pick(TAGS)}}`, random.pick(['f', 'g']), token];
}

export function isLogPush(args: Args): boolean {
  return args[0] === 'LPUSH' && args[1]!.startsWith('w:log{');
}

/** What is wrong with a log, given everything that was pushed to it, acknowledged or of unknown outcome. */
export function judgeLog(key: string, found: readonly string[], pushes: readonly Exchange[]): string[] {
  const wrong: string[] = [];
  const inOrder = [...found].reverse();
  const expected = new Set<string>();
  for (const push of pushes) {
    const token = push.args[2]!;
    expected.add(token);
    if (push.reply === undefined) continue;
    const length = push.reply as number;
    if (inOrder[length - 1] !== token) {
      const at = inOrder.indexOf(token);
      const where = at < 0 ? 'it is lost' : `it is element ${at + 1}`;
      wrong.push(`${key}: LPUSH ${token} was acknowledged as element ${length}, and ${where}`);
    }
  }
  inOrder.forEach((token, i) => {
    if (!expected.has(token)) wrong.push(`${key}: element ${i + 1}, ${token}, was pushed by nobody`);
    if (inOrder.indexOf(token) !== i) wrong.push(`${key}: ${token} is there twice`);
  });
  return wrong;
}
