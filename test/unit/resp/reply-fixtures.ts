/**
 * Replies that every reply test runs: whole, byte by byte, and (test/property/resp) split at random. Bytes are latin1.
 */

/** A decoded reply, for comparison: strings stand for buffers (latin1), `{ error }` for an error reply. */
export type Value = string | number | bigint | null | { error: string } | Value[];

export interface ReplyFixture {
  name: string;
  bytes: string;
  /** What it decodes to; absent where RESP3 types are in it, which are only scanned. */
  value?: Value;
}

const long = 'x'.repeat(70_000);

export const RESP2_REPLIES: ReplyFixture[] = [
  { name: 'OK', bytes: '+OK\r\n', value: 'OK' },
  { name: 'an empty status', bytes: '+\r\n', value: '' },
  { name: 'a status of one letter', bytes: '+a\r\n', value: 'a' },
  { name: 'a status with a line feed', bytes: '+a\nb\r\n', value: 'a\nb' },
  { name: 'PONG', bytes: '+PONG\r\n', value: 'PONG' },
  { name: 'an error', bytes: '-ERR no such key\r\n', value: { error: 'ERR no such key' } },
  { name: 'an error in UTF-8', bytes: '-ERR \xc3\xa9\r\n', value: { error: 'ERR é' } },
  { name: 'an empty error', bytes: '-\r\n', value: { error: '' } },
  { name: '0', bytes: ':0\r\n', value: 0 },
  { name: '1', bytes: ':1\r\n', value: 1 },
  { name: '-1', bytes: ':-1\r\n', value: -1 },
  { name: '10', bytes: ':10\r\n', value: 10 },
  { name: 'an integer of 15 digits', bytes: ':123456789012345\r\n', value: 123456789012345 },
  { name: 'an integer of 16 digits', bytes: ':1234567890123456\r\n', value: 1234567890123456 },
  { name: '2^53-1', bytes: ':9007199254740991\r\n', value: 9007199254740991 },
  { name: '2^53+1', bytes: ':9007199254740993\r\n', value: 9007199254740993n },
  { name: 'the largest integer', bytes: ':9223372036854775807\r\n', value: 9223372036854775807n },
  { name: 'the smallest integer', bytes: ':-9223372036854775808\r\n', value: -9223372036854775808n },
  { name: 'an integer with zeros', bytes: ':1000000000000000000\r\n', value: 1000000000000000000n },
  { name: 'a bulk', bytes: '$3\r\nfoo\r\n', value: 'foo' },
  { name: 'an empty bulk', bytes: '$0\r\n\r\n', value: '' },
  { name: 'a null bulk', bytes: '$-1\r\n', value: null },
  { name: 'line ends in a bulk', bytes: '$8\r\n\r\n$1\r\n\r\n\r\n', value: '\r\n$1\r\n\r\n' },
  {
    name: 'all bytes',
    bytes: `$256\r\n${Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('latin1')}\r\n`,
    value: Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('latin1'),
  },
  { name: 'a bulk of 10 bytes', bytes: '$10\r\n0123456789\r\n', value: '0123456789' },
  { name: 'a bulk of 1000 bytes', bytes: `$1000\r\n${'y'.repeat(1000)}\r\n`, value: 'y'.repeat(1000) },
  { name: 'a bulk of 70,000 bytes', bytes: `$70000\r\n${long}\r\n`, value: long },
  { name: 'an empty array', bytes: '*0\r\n', value: [] },
  { name: 'a null array', bytes: '*-1\r\n', value: null },
  { name: 'an array', bytes: '*3\r\n$1\r\na\r\n:2\r\n+c\r\n', value: ['a', 2, 'c'] },
  {
    name: 'an array with nulls and an error',
    bytes: '*4\r\n$-1\r\n*-1\r\n-ERR x\r\n$0\r\n\r\n',
    value: [null, null, { error: 'ERR x' }, ''],
  },
  {
    name: 'arrays in arrays',
    bytes: '*3\r\n*0\r\n*2\r\n*1\r\n:1\r\n:2\r\n*1\r\n*1\r\n*0\r\n',
    value: [[], [[1], 2], [[[]]]],
  },
  { name: 'an empty array as the last element', bytes: '*2\r\n:1\r\n*0\r\n', value: [1, []] },
  { name: 'an array of 100', bytes: `*100\r\n${'$2\r\nab\r\n'.repeat(100)}`, value: Array<string>(100).fill('ab') },
  { name: 'a SCAN reply', bytes: '*2\r\n$2\r\n17\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n', value: ['17', ['a', 'b']] },
  { name: '40 levels', bytes: `${'*1\r\n'.repeat(40)}:7\r\n`, value: nested(40, 7) },
];

export const RESP3_REPLIES: ReplyFixture[] = [
  { name: 'null', bytes: '_\r\n' },
  { name: 'true', bytes: '#t\r\n' },
  { name: 'false', bytes: '#f\r\n' },
  { name: 'a double', bytes: ',1.23\r\n' },
  { name: 'infinity', bytes: ',-inf\r\n' },
  { name: 'a big number', bytes: '(3492890328409238509324850943850943825024385\r\n' },
  { name: 'an error with a length', bytes: '!21\r\nSYNTAX invalid syntax\r\n' },
  { name: 'a verbatim string', bytes: '=7\r\ntxt:a\r\n\r\n' },
  { name: 'a map', bytes: '%2\r\n+a\r\n:1\r\n+b\r\n*2\r\n:2\r\n:3\r\n' },
  { name: 'an empty map', bytes: '%0\r\n' },
  { name: 'a set', bytes: '~2\r\n+a\r\n#t\r\n' },
  { name: 'a push', bytes: '>3\r\n+message\r\n+channel\r\n$1\r\nx\r\n' },
  { name: 'an attribute before a value', bytes: '|1\r\n+ttl\r\n:3600\r\n$1\r\nv\r\n' },
  { name: 'an empty attribute', bytes: '|0\r\n:1\r\n' },
  { name: 'attributes within', bytes: '*2\r\n|1\r\n+a\r\n%1\r\n+b\r\n_\r\n:1\r\n|1\r\n+c\r\n*0\r\n*1\r\n:2\r\n' },
  { name: 'an attribute of an attribute', bytes: '|1\r\n+a\r\n|1\r\n+b\r\n:1\r\n:2\r\n:3\r\n' },
  { name: 'maps in maps', bytes: '%1\r\n%1\r\n:1\r\n:2\r\n%1\r\n:3\r\n~0\r\n' },
];

/** Bytes that are no reply. The last byte is the first one that shows it. */
export const BROKEN_REPLIES: { name: string; bytes: string }[] = [
  { name: 'a blank', bytes: ' ' },
  { name: 'a line end', bytes: '\r' },
  { name: 'a letter', bytes: 'O' },
  { name: 'NUL', bytes: '\0' },
  { name: 'a request by name', bytes: 'P' },
  { name: 'a streamed array', bytes: '*?' },
  { name: 'a streamed bulk', bytes: '$?' },
  { name: 'a chunk of a streamed bulk', bytes: ';' },
  { name: 'the end of a streamed array', bytes: '.' },
  { name: 'a status cut by CR', bytes: '+OK\rX' },
  { name: 'a short status cut by CR', bytes: '+O\r\r' },
  { name: 'an error cut by CR', bytes: '-ERR\r-' },
  { name: 'an integer without digits', bytes: ':\r' },
  { name: 'a sign without digits', bytes: ':-\r' },
  { name: 'two signs', bytes: ':--' },
  { name: 'plus', bytes: ':+' },
  { name: 'an integer with a letter', bytes: ':12a' },
  { name: 'a fraction', bytes: ':1.' },
  { name: 'an integer with a leading zero', bytes: ':01' },
  { name: 'minus zero', bytes: ':-0' },
  { name: 'an integer of 20 digits', bytes: ':12345678901234567890' },
  { name: 'an integer ended by LF', bytes: ':1\n' },
  { name: 'an integer with CR CR', bytes: ':1\r\r' },
  { name: 'no length', bytes: '$\r' },
  { name: 'a length with a leading zero', bytes: '$03' },
  { name: 'a length of -2', bytes: '$-2\r\n' },
  { name: 'a length of -10', bytes: '$-10\r\n' },
  { name: 'a length ended by LF', bytes: '$3\n' },
  { name: 'a length with CR and a letter', bytes: '$3\rf' },
  { name: 'a null with CR CR', bytes: '$-1\r\r' },
  { name: 'a length beyond reason', bytes: '$99999999999999999\r\n' },
  { name: 'a bulk that is longer than it says', bytes: '$2\r\nfoo' },
  { name: 'a bulk that is shorter than it says', bytes: '$4\r\nfoo\r\n' },
  { name: 'a bulk with LF alone', bytes: '$3\r\nfoo\n' },
  { name: 'a bulk with CR alone', bytes: '$3\r\nfoo\r$' },
  { name: 'an empty bulk without its line end', bytes: '$0\r\n$' },
  { name: 'a count of -2', bytes: '*-2\r\n' },
  { name: 'a blank in an array', bytes: '*2\r\n:1\r\n ' },
  { name: 'a shorter bulk in an array', bytes: '*2\r\n$2\r\nabc' },
  { name: 'a map of -1', bytes: '%-1\r\n' },
  { name: 'a boolean that is neither', bytes: '#x' },
  { name: 'a boolean of two letters', bytes: '#tt' },
  { name: 'a null with text', bytes: '_x' },
];

function nested(levels: number, value: Value): Value {
  return levels === 0 ? value : [nested(levels - 1, value)];
}
