/** Random commands, replies and rubbish. Bytes are latin1 text, as in the fixtures of test/unit/resp. */
import fc from 'fast-check';
import type { Value } from '../../unit/resp/reply-fixtures.js';

/** Any bytes, but often those that mean something to the protocol. */
export const anyBytes: fc.Arbitrary<string> = fc.oneof(
  fc.string({
    unit: fc.constantFrom('\r', '\n', '\r\n', '$', '*', '1', '0', '-', ':', '+', '\0', ' ', '"', 'a'),
    maxLength: 12,
  }),
  fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array).toString('latin1')),
  fc.tuple(fc.constantFrom('v', '\r\n', '\xff'), fc.integer({ min: 90, max: 5000 })).map(([byte, n]) => byte.repeat(n)),
);

export const commands: fc.Arbitrary<string[][]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.array(anyBytes, { minLength: 1, maxLength: 6, size: 'max' }) },
    { weight: 1, arbitrary: fc.array(fc.constantFrom('k', 'key'), { minLength: 9, maxLength: 130 }) },
  ),
  { maxLength: 8, size: 'max' },
);

export function encode(args: readonly string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`;
}

/** The same as an inline command with every byte that needs it escaped. */
export function encodeInline(args: readonly string[]): string {
  const quoted = args.map((arg) => {
    const escaped = [...arg].map((c) => (/[\w:]/.test(c) ? c : `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`));
    return `"${escaped.join('')}"`;
  });
  return `${quoted.join(' ')}\r\n`;
}

/** Places to cut a text at, in millionths of its length. (fc.double would be evenly spread over exponents, not values.) */
export const cuts: fc.Arbitrary<number[]> = fc.array(fc.nat({ max: 1_000_000 }), { maxLength: 12, size: 'max' });

export function places(text: string, parts: readonly number[]): number[] {
  return parts.map((part) => Math.floor((part * text.length) / 1_000_000));
}

/** Text that is nearly a stream of commands. */
export const rubbishRequests: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '*1\r\n',
        '*2\r\n',
        '$4\r\n',
        '$1\r\n',
        '$0\r\n',
        'PING\r\n',
        'ECHO\r\n',
        'a\r\n',
        '\r\n',
        '\n',
        '\r',
        '*0\r\n',
        '*-1\r\n',
        '$-1\r\n',
        '*1\rx',
        '$4\ry',
        'PINGzz',
        '"',
        "'",
        '\\',
        '\\x4',
        '\\n',
        ' ',
        '\t',
        '\v',
        '\0',
        '\xff',
        'ECHO ',
        'P',
        '1',
        '-',
        '*',
        '$',
      ),
      fc.constantFrom('*1\r\n$4\r\nPING\r\n', '*2\r\n$4\r\nECHO\r\n$1\r\na\r\n', 'ECHO "a b"\r\n', "ECHO 'c'\n"),
    ),
    { maxLength: 14 },
  )
  .map((parts) => parts.join(''));

export interface Generated {
  bytes: string;
  value: Value;
}

const lineText = fc.string({ unit: fc.constantFrom('a', 'OK', ' ', '\n', 'é', ':', '$'), maxLength: 8 });

function leaf(): fc.Arbitrary<Generated> {
  return fc.oneof(
    anyBytes.map((text) => ({ bytes: `$${text.length}\r\n${text}\r\n`, value: text })),
    fc.constantFrom<Generated>({ bytes: '$-1\r\n', value: null }, { bytes: '*-1\r\n', value: null }),
    lineText.map((text) => {
      const latin1 = Buffer.from(text).toString('latin1');
      return { bytes: `+${latin1}\r\n`, value: latin1 };
    }),
    lineText.map((text) => ({ bytes: `-${Buffer.from(text).toString('latin1')}\r\n`, value: { error: text } })),
    fc
      .oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt({ min: -200n, max: 20_000n }))
      .map((n) => ({
        bytes: `:${n}\r\n`,
        value: Number.isSafeInteger(Number(n)) ? Number(n) : n,
      })),
  );
}

function arrayOf(elements: readonly Generated[]): Generated {
  return {
    bytes: `*${elements.length}\r\n${elements.map((e) => e.bytes).join('')}`,
    value: elements.map((e) => e.value),
  };
}

export const resp2Reply: fc.Arbitrary<Generated> = fc.letrec<{ reply: Generated }>((tie) => ({
  reply: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf(),
    fc.array(tie('reply'), { maxLength: 6 }).map(arrayOf),
    fc.array(leaf(), { minLength: 9, maxLength: 12 }).map(arrayOf),
  ),
})).reply;

/** RESP3, for the boundaries only. */
export const resp3Reply: fc.Arbitrary<string> = fc.letrec<{ reply: string }>((tie) => ({
  reply: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf().map((generated) => generated.bytes),
    fc.constantFrom('_\r\n', '#t\r\n', '#f\r\n', ',1.5\r\n', ',inf\r\n', '(-123456789012345678901234567890\r\n'),
    anyBytes.map((text) => `!${text.length}\r\n${text}\r\n`),
    anyBytes.map((text) => `=${text.length + 4}\r\ntxt:${text}\r\n`),
    fc
      .tuple(fc.constantFrom('*', '~', '>'), fc.array(tie('reply'), { maxLength: 4 }))
      .map(([type, e]) => `${type}${e.length}\r\n${e.join('')}`),
    fc
      .array(fc.tuple(tie('reply'), tie('reply')), { maxLength: 3 })
      .map((pairs) => `%${pairs.length}\r\n${pairs.flat().join('')}`),
    fc
      .tuple(fc.array(fc.tuple(tie('reply'), tie('reply')), { maxLength: 2 }), tie('reply'))
      .map(([pairs, value]) => `|${pairs.length}\r\n${pairs.flat().join('')}${value}`),
  ),
})).reply;

/** Text that is nearly a stream of replies. */
export const rubbishReplies: fc.Arbitrary<string> = fc
  .array(
    fc.constantFrom(
      '+OK\r\n',
      ':1\r\n',
      ':12\r\n',
      '$1\r\na\r\n',
      '$-1\r\n',
      '*1\r\n',
      '*2\r\n',
      '%1\r\n',
      '|1\r\n',
      '\r',
      '\n',
      '\r\n',
      ':',
      '$',
      '*',
      '-',
      '+',
      '0',
      '1',
      '3',
      '_',
      '#',
      't',
      'a',
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));
