/**
 * Vector sets (Redis 8). RESTORE turns the order of the elements in a payload round, so two equal ones seldom dump
 * equally.
 *
 * Compared: the parameters that VADD gave, and each element's vector as it is stored (VEMB RAW), its attributes, and its
 * neighbours in each layer of the graph, which decide what VSIM finds. Copies are made by DUMP, which keeps the graph.
 * The names are read whole, since no command lists them in pieces; all else is read in pieces.
 */
import type { Reply } from '../../resp/values.js';
import type { Difference, Pair } from './pair.js';
import { PieceSize } from './pieces.js';
import { type Args, byteList, integer, list, namedFields, printable } from './replies.js';

const PARAMETERS = ['quant-type', 'hnsw-m', 'vector-dim', 'projection-input-dim', 'size', 'attributes-count'];
/** VEMB RAW, VGETATTR, VLINKS. */
const READS = 3;

export async function compareVectorSets(pair: Pair): Promise<Difference | null> {
  const [onA, onB] = await pair.both((key) => [['VINFO', key]]);
  const [infoA, infoB] = [namedFields(onA[0]), namedFields(onB[0])];
  for (const name of PARAMETERS) {
    const [a, b] = [textOf(infoA.get(name)), textOf(infoB.get(name))];
    if (a !== b) return pair.values(name, a, b);
  }
  const size = integer(infoA.get('size'));
  const elements = byteList((await pair.a([['VRANDMEMBER', pair.keys[0], size]]))[0]);
  const piece = new PieceSize(pair.chunkElements, pair.chunkBytes, pair.firstElements);
  for (let from = 0; from < elements.length; ) {
    const some = elements.slice(from, from + piece.count);
    const [a, b] = await pair.both((key) => some.flatMap((element) => readsOf(key, element)));
    for (let i = 0; i < some.length; i++) {
      const [mine, theirs] = [a, b].map((replies) => replies.slice(READS * i, READS * (i + 1)));
      const found = compareElement(pair, `element ${printable(some[i]!)}`, mine!, theirs!);
      if (found !== null) return found;
    }
    from += some.length;
    piece.observe(some.length, bytesIn(a));
  }
  return null;
}

function readsOf(key: Buffer, element: Buffer): Args[] {
  return [
    ['VEMB', key, element, 'RAW'],
    ['VGETATTR', key, element],
    ['VLINKS', key, element],
  ];
}

function compareElement(pair: Pair, name: string, a: readonly Reply[], b: readonly Reply[]): Difference | null {
  if (a[0] === null || b[0] === null) {
    if (a[0] === b[0]) return null; // removed since
    return pair.only(name, b[0] === null ? 0 : 1);
  }
  if (textOf(a[0]) !== textOf(b[0])) return pair.differs(`the vector of ${name}`);
  if (textOf(a[1]) !== textOf(b[1])) return pair.differs(`the attributes of ${name}`);
  return linksOf(a[2]) === linksOf(b[2]) ? null : pair.differs(`the neighbours of ${name}`);
}

/** Without regard to the order in a layer, which means nothing. */
function linksOf(reply: Reply | undefined): string {
  return JSON.stringify(list(reply).map((layer) => byteList(layer).map(textOf).sort()));
}

/** Equal replies, and only they, have equal texts. */
function textOf(reply: Reply | undefined): string {
  if (reply instanceof Error) throw reply;
  if (Array.isArray(reply)) return JSON.stringify(reply.map(textOf));
  return Buffer.isBuffer(reply) ? reply.toString('latin1') : String(reply);
}

function bytesIn(reply: Reply): number {
  if (Array.isArray(reply)) return reply.reduce((sum: number, item) => sum + bytesIn(item), 0);
  return Buffer.isBuffer(reply) ? reply.length : 8;
}
