/**
 * The byte strings that every scanner test runs: whole, byte by byte, and (test/property/resp) split at random.
 *
 * Bytes are written as latin1 text. What is expected was seen on a real Redis 7.0, and request-server.test.ts asks one
 * again each time.
 */
export interface RequestFixture {
  name: string;
  bytes: string;
  /** The commands in order, each as its arguments. */
  commands: string[][];
  /** The protocol error after them. */
  error?: string;
  /** How many bytes at the end wait for more; 0 if not given. */
  pending?: number;
}

const ERR = 'ERR Protocol error: ';
const LINE_MAX = 64 * 1024;

export const REQUESTS: RequestFixture[] = [
  { name: 'one command', bytes: '*1\r\n$4\r\nPING\r\n', commands: [['PING']] },
  { name: 'arguments', bytes: '*3\r\n$3\r\nSET\r\n$1\r\ns\r\n$5\r\nvalue\r\n', commands: [['SET', 's', 'value']] },
  { name: 'an empty argument', bytes: '*2\r\n$4\r\nECHO\r\n$0\r\n\r\n', commands: [['ECHO', '']] },
  {
    name: 'line ends in an argument',
    bytes: '*2\r\n$4\r\nECHO\r\n$6\r\n\r\n$1\r\n\r\n',
    commands: [['ECHO', '\r\n$1\r\n']],
  },
  {
    name: 'NUL and high bytes',
    bytes: '*2\r\n$4\r\nECHO\r\n$4\r\n\x00\xff*\r\r\n',
    commands: [['ECHO', '\x00\xff*\r']],
  },
  {
    name: 'a pipeline',
    bytes: '*2\r\n$4\r\nECHO\r\n$1\r\na\r\n*2\r\n$4\r\nECHO\r\n$1\r\nb\r\n*1\r\n$4\r\nPING\r\n',
    commands: [['ECHO', 'a'], ['ECHO', 'b'], ['PING']],
  },
  {
    name: 'bulks of 9, 10, 99, 100, 999, 1000, 9999 and 10000 bytes',
    bytes: [9, 10, 99, 100, 999, 1000, 9999, 10_000]
      .map((n) => `*2\r\n$4\r\nECHO\r\n$${n}\r\n${'x'.repeat(n)}\r\n`)
      .join(''),
    commands: [9, 10, 99, 100, 999, 1000, 9999, 10_000].map((n) => ['ECHO', 'x'.repeat(n)]),
  },
  {
    name: '9, 10 and 100 arguments',
    bytes: [9, 10, 100].map((n) => `*${n}\r\n$3\r\nDEL\r\n${'$1\r\nk\r\n'.repeat(n - 1)}`).join(''),
    commands: [9, 10, 100].map((n) => ['DEL', ...Array<string>(n - 1).fill('k')]),
  },
  { name: 'half a command', bytes: '*2\r\n$4\r\nECHO\r\n$3\r\nab', commands: [], pending: 20 },
  { name: 'a command and half a line', bytes: '*1\r\n$4\r\nPING\r\n*12', commands: [['PING']], pending: 3 },

  { name: 'empty commands', bytes: '*0\r\n*-1\r\n*-7\r\n*1\r\n$4\r\nPING\r\n', commands: [['PING']] },
  { name: 'the smallest 64-bit count', bytes: '*-9223372036854775808\r\n*1\r\n$4\r\nPING\r\n', commands: [['PING']] },
  { name: 'empty lines', bytes: '\r\n\n \r\n\t\n*1\r\n$4\r\nPING\r\n\r\n', commands: [['PING']] },
  {
    name: 'other bytes in place of line ends',
    bytes: '*1\rX$4\rYPINGzz*1\r\n$4\r\nPING\r\n',
    commands: [['PING'], ['PING']],
  },
  {
    name: 'one other byte in place of a line end',
    bytes: '*1\r\n$4\r\nPING\rz*1\r\n$4\r\nPINGz\n*1\r?$4\r\nPING\r\n*1\r\n$4\r?PING\r\n',
    commands: [['PING'], ['PING'], ['PING'], ['PING']],
  },
  { name: 'an odd line end before an empty command', bytes: '*0\rX*1\r\n$4\r\nPING\r\n', commands: [['PING']] },
  {
    name: 'the largest count and length',
    bytes: '*2147483647\r\n$536870912\r\n',
    commands: [],
    pending: 25,
  },

  { name: 'inline', bytes: 'PING\r\nECHO hi\n', commands: [['PING'], ['ECHO', 'hi']] },
  {
    name: 'inline and multibulk',
    bytes: 'PING\r\n*1\r\n$4\r\nPING\r\nECHO a\r\n',
    commands: [['PING'], ['PING'], ['ECHO', 'a']],
  },
  { name: 'inline, blanks around', bytes: ' \t ECHO \v\f  a\t\r\n', commands: [['ECHO', 'a']] },
  { name: 'inline, vertical tab inside', bytes: 'ECHO a\vb\fc\r\n', commands: [['ECHO', 'a\vb\fc']] },
  { name: 'inline, CR in the middle separates', bytes: 'ECHO a\rb\r\n', commands: [['ECHO', 'a', 'b']] },
  { name: 'inline, empty arguments', bytes: 'ECHO "" \'\'\r\n""\r\n', commands: [['ECHO', '', ''], ['']] },
  {
    name: 'inline, escapes',
    bytes: 'ECHO "\\x41\\xfF\\n\\r\\t\\b\\a\\q\\"\\\\"\r\n',
    commands: [['ECHO', 'A\xff\n\r\t\b\x07q"\\']],
  },
  { name: 'inline, no hexadecimal digits', bytes: 'ECHO "\\x4g\\x"\r\n', commands: [['ECHO', 'x4gx']] },
  { name: 'inline, single quotes', bytes: "ECHO 'a\\'b\\n \"'\r\n", commands: [['ECHO', 'a\'b\\n "']] },
  { name: 'inline, quotes inside an argument', bytes: 'ECHO a"b c" d\'e \'\r\n', commands: [['ECHO', 'ab c', 'de ']] },
  { name: 'inline, blanks behind quotes', bytes: 'ECHO "a"\v"b"\r\n', commands: [['ECHO', 'a', 'b']] },
  { name: 'inline, backslash outside quotes', bytes: 'ECHO a\\nb\r\n', commands: [['ECHO', 'a\\nb']] },
  {
    name: 'inline, many arguments',
    bytes: `DEL${' k'.repeat(40)}\r\n`,
    commands: [['DEL', ...Array<string>(40).fill('k')]],
  },
  {
    name: 'inline, the longest line',
    bytes: `ECHO ${'a'.repeat(LINE_MAX - 5)}\n`,
    commands: [['ECHO', 'a'.repeat(LINE_MAX - 5)]],
  },
  { name: 'inline, half a line', bytes: 'PING\r\nPIN', commands: [['PING']], pending: 3 },
  { name: 'inline, NUL hides the line end', bytes: 'PI\0NG\r\nPING\r\n', commands: [], pending: 13 },
  { name: 'NUL hides the end of a count', bytes: '*1\0\r\n$4\r\nPING\r\n', commands: [], pending: 15 },
  { name: 'NUL hides the end of a length', bytes: '*1\r\n$4\0\r\nPING\r\n', commands: [], pending: 15 },
  { name: 'a line feed alone ends no count', bytes: '*1\n$4\nPING\n', commands: [], pending: 11 },

  { name: 'no count', bytes: '*\r\n', commands: [], error: `${ERR}invalid multibulk length` },
  { name: 'a count that is no number', bytes: '*1x\r\n', commands: [], error: `${ERR}invalid multibulk length` },
  { name: 'a count with a leading zero', bytes: '*03\r\n', commands: [], error: `${ERR}invalid multibulk length` },
  { name: 'a count of -0', bytes: '*-0\r\n', commands: [], error: `${ERR}invalid multibulk length` },
  { name: 'a count with +', bytes: '*+1\r\n', commands: [], error: `${ERR}invalid multibulk length` },
  { name: 'a count with a blank', bytes: '* 1\r\n', commands: [], error: `${ERR}invalid multibulk length` },
  { name: 'a count over INT_MAX', bytes: '*2147483648\r\n', commands: [], error: `${ERR}invalid multibulk length` },
  {
    name: 'a count over 64 bits',
    bytes: '*9223372036854775808\r\n',
    commands: [],
    error: `${ERR}invalid multibulk length`,
  },
  {
    name: 'a count under 64 bits',
    bytes: '*-9223372036854775809\r\n',
    commands: [],
    error: `${ERR}invalid multibulk length`,
  },
  {
    name: 'a count of 2^64',
    bytes: '*18446744073709551617\r\n',
    commands: [],
    error: `${ERR}invalid multibulk length`,
  },
  { name: 'no dollar', bytes: '*3\r\n+OK\r\n', commands: [], error: `${ERR}expected '$', got '+'` },
  { name: 'a count for a length', bytes: '*1\r\n*1\r\n', commands: [], error: `${ERR}expected '$', got '*'` },
  { name: 'a high byte for a dollar', bytes: '*1\r\n\xfe\r\n', commands: [], error: `${ERR}expected '$', got '\xfe'` },
  { name: 'CR for a dollar', bytes: '*1\r\n\r\n', commands: [], error: `${ERR}expected '$', got ' '` },
  { name: 'LF for a dollar', bytes: '*1\r\n\n\r\n', commands: [], error: `${ERR}expected '$', got ' '` },
  { name: 'no length', bytes: '*1\r\n$\r\n', commands: [], error: `${ERR}invalid bulk length` },
  { name: 'a length that is no number', bytes: '*1\r\n$x\r\n', commands: [], error: `${ERR}invalid bulk length` },
  { name: 'a length of -1', bytes: '*1\r\n$-1\r\n', commands: [], error: `${ERR}invalid bulk length` },
  {
    name: 'a length with a leading zero',
    bytes: '*1\r\n$04\r\nPING\r\n',
    commands: [],
    error: `${ERR}invalid bulk length`,
  },
  {
    name: 'a length with + behind digits',
    bytes: '*1\r\n$4+\r\nPING\r\n',
    commands: [],
    error: `${ERR}invalid bulk length`,
  },
  { name: 'a length over 512 MB', bytes: '*1\r\n$536870913\r\n', commands: [], error: `${ERR}invalid bulk length` },
  {
    name: 'a length that is too short',
    bytes: '*2\r\n$4\r\nECHO\r\n$1\r\nabc\r\n',
    commands: [['ECHO', 'a']],
  },
  {
    name: 'commands before an error',
    bytes: 'PING\r\n*1\r\n$4\r\nPING\r\n*x\r\nPING\r\n',
    commands: [['PING'], ['PING']],
    error: `${ERR}invalid multibulk length`,
  },
  { name: 'an open double quote', bytes: 'ECHO "abc\r\n', commands: [], error: `${ERR}unbalanced quotes in request` },
  { name: 'an open single quote', bytes: "ECHO 'abc\r\n", commands: [], error: `${ERR}unbalanced quotes in request` },
  {
    name: 'text behind a double quote',
    bytes: 'ECHO "a"b\r\n',
    commands: [],
    error: `${ERR}unbalanced quotes in request`,
  },
  {
    name: 'text behind a single quote',
    bytes: "ECHO 'a'b\r\n",
    commands: [],
    error: `${ERR}unbalanced quotes in request`,
  },
  {
    name: 'a quote closed by an escape',
    bytes: 'ECHO "a\\"\r\n',
    commands: [],
    error: `${ERR}unbalanced quotes in request`,
  },
  {
    name: 'a line that is too long',
    bytes: 'a'.repeat(LINE_MAX + 1),
    commands: [],
    error: `${ERR}too big inline request`,
  },
  { name: 'a line that may not grow', bytes: 'a'.repeat(LINE_MAX), commands: [], pending: LINE_MAX },
  {
    name: 'a count that is too long',
    bytes: `*${'1'.repeat(LINE_MAX)}`,
    commands: [],
    error: `${ERR}too big mbulk count string`,
  },
  {
    name: 'a length that is too long',
    bytes: `*1\r\n$${'1'.repeat(LINE_MAX)}`,
    commands: [],
    error: `${ERR}too big bulk count string`,
  },
  {
    name: 'a NUL and 64 KB',
    bytes: `*1\r\n$\0\r\n${'1'.repeat(LINE_MAX)}`,
    commands: [],
    error: `${ERR}too big bulk count string`,
  },
];
