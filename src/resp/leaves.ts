/**
 * A reply's leaves as one canonical text: the same for a RESP2 and a RESP3 reply that say the same.
 *
 * What differs between the versions is how values are wrapped (a map for a flat array, pairs for a list, a double for
 * a string), not the values and their order. So the leaves alone are compared: strings, numbers, nulls, errors, each
 * with its length. Used where a RESP3 client's reply is checked against the mirror's.
 */
const CR = 13;
const DOLLAR = 36;
const MINUS = 45;
const VERBATIM_PREFIX_BYTES = 4;

const NULL_LEAF = '~\n';

/** Of the whole, well-formed reply buf[start, end). One character per byte. */
export function leavesOf(buf: Buffer, start: number, end: number): string {
  let out = '';
  let at = start;
  while (at < end) {
    const type = buf[at]!;
    const lineStart = at + 1;
    const lineEnd = buf.indexOf(CR, lineStart);
    at = lineEnd + 2;
    switch (String.fromCharCode(type)) {
      case '%':
      case '~':
      case '>':
      case '|':
        break;
      case '*':
        if (buf[lineStart] === MINUS) out += NULL_LEAF;
        break;
      case '_':
        out += NULL_LEAF;
        break;
      case '#':
        out += buf[lineStart] === 0x74 ? '1:1\n' : '1:0\n';
        break;
      case '$':
      case '=':
      case '!': {
        if (buf[lineStart] === MINUS) {
          out += NULL_LEAF;
          break;
        }
        const length = Number(buf.toString('latin1', lineStart, lineEnd));
        const from = type === DOLLAR || type === 0x21 ? at : at + VERBATIM_PREFIX_BYTES;
        out += leaf(buf, from, at + length);
        at += length + 2;
        break;
      }
      default:
        out += leaf(buf, lineStart, lineEnd);
    }
  }
  return out;
}

function leaf(buf: Buffer, from: number, to: number): string {
  return `${to - from}:${buf.toString('latin1', from, to)}\n`;
}

/**
 * As `===` of two replies' leaves, where the same number may be written in two forms: scores are "%.17g" up to Redis 7.0
 * and the shortest exact form later.
 */
export function equalButForNumbers(a: string, b: string): boolean {
  let atA = 0;
  let atB = 0;
  while (atA < a.length && atB < b.length) {
    const endA = leafEnd(a, atA);
    const endB = leafEnd(b, atB);
    const one = a.slice(atA, endA);
    const other = b.slice(atB, endB);
    if (one !== other && !isSameNumber(one, other)) return false;
    atA = endA;
    atB = endB;
  }
  return atA === a.length && atB === b.length;
}

function isSameNumber(one: string, other: string): boolean {
  const [a, b] = [textIn(one), textIn(other)];
  return a !== '' && b !== '' && Number(a) === Number(b);
}

function textIn(leaf: string): string {
  return leaf.slice(leaf.indexOf(':') + 1, -1);
}

/** Behind the leaf that begins there. */
function leafEnd(leaves: string, at: number): number {
  if (leaves.startsWith(NULL_LEAF, at)) return at + NULL_LEAF.length;
  const colon = leaves.indexOf(':', at);
  return colon + 2 + Number(leaves.slice(at, colon));
}
