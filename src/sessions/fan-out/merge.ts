/** How the replies of several nodes become one. None of them is an error: the first of those is the reply. */

import { arrayReply, integerReplyBytes } from '../../resp/encode.js';
import { elementSpans, integerReply, isNull } from '../../resp/values.js';
import { isKeyspaceChannel } from '../subscriptions/keyspace.js';

export type Merge = (replies: readonly Buffer[]) => Buffer;

/** OK of all, or what any one of them said. */
export const first: Merge = (replies) => replies[0]!;

export const sum: Merge = (replies) =>
  integerReplyBytes(replies.reduce((total, reply) => total + integerReply(reply, 0, reply.length), 0));

/** Lists end to end. */
export const joined: Merge = (replies) => arrayReply(replies.flatMap(elementsOf));

/** Lists of 0 and 1: 1 where all say so. */
export const everywhere: Merge = (replies) => {
  const lists = replies.map(elementsOf);
  return arrayReply(
    lists[0]!.map((own, i) => (lists.every((list) => list[i]?.equals(own)) ? own : integerReplyBytes(0))),
  );
};

/** One of those that are not nil, by chance. */
export const anyOne: Merge = (replies) => {
  const found = replies.filter((reply) => !isNull(reply, 0));
  return found[Math.floor(Math.random() * found.length)] ?? replies[0]!;
};

/** Every name once. */
export const union: Merge = (replies) => {
  const seen = new Map<string, Buffer>();
  for (const element of replies.flatMap(elementsOf)) seen.set(element.toString('latin1'), element);
  return arrayReply([...seen.values()]);
};

/** [name, count, name, count …]: the counts of each name added up. */
export const countsByName: Merge = (replies) => {
  const lists = replies.map(elementsOf);
  return arrayReply(
    lists[0]!.map((own, i) =>
      i % 2 === 0
        ? own
        : integerReplyBytes(lists.reduce((total, list) => total + integerReply(list[i]!, 0, list[i]!.length), 0)),
    ),
  );
};

/**
 * Of PUBSUB NUMSUB: the clients of each channel. Whoever listens to keyspace events does so at every node, so that the
 * greatest of their counts is that of all clients.
 */
export const subscribersByName: Merge = (replies) => {
  const lists = replies.map(elementsOf);
  return arrayReply(
    lists[0]!.map((own, i) => {
      if (i % 2 === 0) return own;
      const counts = lists.map((list) => integerReply(list[i]!, 0, list[i]!.length));
      const name = lists[0]![i - 1]!.toString('latin1');
      const isEvent = isKeyspaceChannel(name.slice(name.indexOf('\n') + 1));
      return integerReplyBytes(isEvent ? Math.max(...counts) : counts.reduce((total, count) => total + count, 0));
    }),
  );
};

/** Of PUBSUB NUMPAT: `everywhere` patterns are counted by every node. */
export function patterns(everywhere: number): Merge {
  return (replies) => {
    const total = replies.reduce((sum, reply) => sum + integerReply(reply, 0, reply.length), 0);
    return integerReplyBytes(Math.max(0, total - everywhere * (replies.length - 1)));
  };
}

/** Lists whose elements belong at given places of one list. */
export function placed(places: readonly (readonly number[])[]): Merge {
  return (replies) => {
    const elements: Buffer[] = [];
    for (const [i, reply] of replies.entries()) {
      for (const [j, element] of elementsOf(reply).entries()) elements[places[i]![j]!] = element;
    }
    return arrayReply(elements);
  };
}

function elementsOf(reply: Buffer): Buffer[] {
  const spans: number[] = [];
  const count = elementSpans(reply, 0, reply.length, spans);
  return Array.from({ length: Math.max(0, count) }, (_, i) => reply.subarray(spans[2 * i]!, spans[2 * i + 1]!));
}
