/**
 * Files of commands and records: each one whole, byte by byte and split at random gives the same commands at the same
 * positions.
 */
import { describe, expect, test } from 'vitest';
import {
  BROKEN,
  COMMAND,
  type CommandReader,
  FAULT,
  FIRST_PIECE,
  NEXT_CHUNK,
  PIECE,
} from '../../../src/load/command-reader.js';
import { CsvReader } from '../../../src/load/csv-reader.js';
import { JsonlReader } from '../../../src/load/jsonl-reader.js';
import { RespReader } from '../../../src/load/resp-reader.js';
import { Shape, type ShapeOptions } from '../../../src/load/shape.js';

interface Seen {
  offset: number;
  line: number;
  /** the arguments, or what is wrong */
  what: string[] | string;
}

function read(reader: CommandReader, chunks: Buffer[], why: string | null = null): Seen[] {
  const seen: Seen[] = [];
  const drain = (): boolean => {
    for (;;) {
      const found = reader.next();
      const { offset, line } = reader;
      if (found === NEXT_CHUNK) return true;
      if (found === FIRST_PIECE || found === PIECE) throw new Error('nothing here is that big');
      if (found === COMMAND) {
        const spans = reader.spans();
        seen.push({ offset, line, what: Array.from({ length: spans.argc }, (_, i) => spans.text(i)) });
      } else seen.push({ offset, line, what: reader.message });
      if (found === BROKEN) return false;
      expect([COMMAND, FAULT]).toContain(found);
    }
  };
  for (const chunk of chunks) {
    reader.push(chunk);
    if (!drain()) return seen;
  }
  reader.finish(why);
  drain();
  return seen;
}

function splits(text: Buffer): Buffer[][] {
  const bytes = Array.from(text, (_, i) => text.subarray(i, i + 1));
  const random: Buffer[] = [];
  for (let i = 0; i < text.length; ) {
    const size = 1 + Math.floor(Math.random() * 9);
    random.push(text.subarray(i, i + size));
    i += size;
  }
  return [[text], bytes, random];
}

function everyWay(make: () => CommandReader, content: Buffer | string): Seen[] {
  const text = Buffer.from(content);
  const [whole, ...others] = splits(text).map((chunks) => read(make(), chunks));
  for (const other of others) expect(other).toEqual(whole);
  return whole!;
}

const resp = (content: Buffer | string): Seen[] => everyWay(() => new RespReader(0), content);
const shape = (options: Partial<ShapeOptions> = {}): Shape => new Shape({ as: 'hash', key: 'u:{id}', ...options });
const csv = (content: string, options: Partial<ShapeOptions> = {}, columns: string[] | null = null): Seen[] =>
  everyWay(() => new CsvReader(shape(options), 0, { delimiter: ',', columns }), content);
const jsonl = (content: Buffer | string, options: Partial<ShapeOptions> = {}): Seen[] =>
  everyWay(() => new JsonlReader(shape(options), 0), content);

describe('RESP', () => {
  test('commands of both kinds, with their positions', () => {
    expect(resp('*2\r\n$3\r\nGET\r\n$1\r\na\r\nSET b "x y"\r\n\r\n\n*1\r\n$4\r\nPING\r\nlast one')).toEqual([
      { offset: 0, line: 0, what: ['GET', 'a'] },
      { offset: 20, line: 0, what: ['SET', 'b', 'x y'] },
      { offset: 36, line: 0, what: ['PING'] },
      { offset: 50, line: 0, what: ['last', 'one'] },
    ]);
  });

  test('a file that ends within a command', () => {
    expect(resp('PING\n*2\r\n$3\r\nGET\r\n$5\r\nab').at(-1)).toEqual({
      offset: 5,
      line: 0,
      what: 'the file ends within this command',
    });
  });

  test('what is malformed is named with its position, and nothing behind it is read', () => {
    const seen = resp('*1\r\n$4\r\nPING\r\n*1\r\n!4\r\nPING\r\nPING\r\n');
    expect(seen).toHaveLength(2);
    expect(seen[1]).toMatchObject({ offset: 14, what: expect.stringMatching(/malformed.*expected '\$', got '!'/) });
  });

  test('an RDB file is told apart', () => {
    expect(read(new RespReader(0), [Buffer.from('REDIS0011\xfa\x09redis-ver')])[0]?.what).toMatch(/RDB file/);
  });

  test('positions behind an offset are the file’s', () => {
    expect(read(new RespReader(1000), [Buffer.from('PING\nPING\n')]).map(({ offset }) => offset)).toEqual([1000, 1005]);
  });
});

describe('CSV', () => {
  test('quotes, line ends within quotes, both line ends, a byte order mark, empty lines', () => {
    const text = '\ufeffid,name\r\n1,"a ""b"", c"\r\n\r\n2,"two\r\nlines"\n3,"",\n3,\n4,last';
    expect(csv(text)).toEqual([
      { offset: 12, line: 2, what: ['HSET', 'u:1', 'id', '1', 'name', 'a "b", c'] },
      { offset: 30, line: 4, what: ['HSET', 'u:2', 'id', '2', 'name', 'two\r\nlines'] },
      { offset: 45, line: 6, what: 'the row has 3 cells for 2 columns' },
      { offset: 51, line: 7, what: ['HSET', 'u:3', 'id', '3', 'name', ''] },
      { offset: 54, line: 8, what: ['HSET', 'u:4', 'id', '4', 'name', 'last'] },
    ]);
  });

  test('what is wrong with a row is told, and the next is read', () => {
    const seen = csv('id,name\n1,"a"b\n2,b\n3,"c');
    expect(seen.map(({ line, what }) => [line, what])).toEqual([
      [2, 'something stands behind a closing quote'],
      [3, ['HSET', 'u:2', 'id', '2', 'name', 'b']],
      [4, 'the file ends within a quoted cell'],
    ]);
  });

  test('names of columns from outside', () => {
    expect(csv('7,x\n', {}, ['id', 'v'])).toEqual([{ offset: 0, line: 1, what: ['HSET', 'u:7', 'id', '7', 'v', 'x'] }]);
    expect(() => csv('id,id\n1,2\n')).toThrow("Two columns are called 'id'");
    expect(() => csv('a,b\n1,2\n')).toThrow("There is no column 'id': the columns are a, b.");
  });

  test('behind an offset, with the columns of the first row', () => {
    const reader = new CsvReader(shape(), 14, { delimiter: ',', columns: null });
    expect(read(reader, [Buffer.from('id,name\n1,one\n2,two\n')])).toEqual([
      { offset: 14, line: 3, what: ['HSET', 'u:2', 'id', '2', 'name', 'two'] },
    ]);
  });
});

describe('JSONL', () => {
  test('values are stored as they are written', () => {
    const lines = [
      '{"id": 12345678901234567890, "a":"\\u00e9\\n\\"", "b":1.50, "c":[1, "x}"], "d":null,"e":{"f":true} }',
      ' {"id":"x"}',
    ];
    expect(jsonl(lines.join('\r\n\n'))).toEqual([
      {
        offset: 0,
        line: 1,
        what: [
          ...[
            'HSET',
            'u:12345678901234567890',
            'id',
            '12345678901234567890',
            'a',
            Buffer.from('é\n"').toString('latin1'),
          ],
          ...['b', '1.50', 'c', '[1, "x}"]', 'e', '{"f":true}'],
        ],
      },
      { offset: lines[0]!.length + 3, line: 3, what: ['HSET', 'u:x', 'id', 'x'] },
    ]);
  });

  test('wrong lines are told, and the next is read', () => {
    const text = Buffer.concat([
      Buffer.from('[1]\n{"id"\n{"a":1}\n"'),
      Buffer.from([0xff]),
      Buffer.from('"\n{"id":1}'),
    ]);
    expect(jsonl(text).map(({ line, what }) => [line, Array.isArray(what) ? what[1] : what])).toEqual([
      [1, 'the line is no JSON object'],
      [2, expect.stringContaining('the line is no JSON')],
      [3, "the record has no 'id'"],
      [4, 'the line is not UTF-8'],
      [5, 'u:1'],
    ]);
  });

  test('a last line that does not end: whole, or the file was cut off', () => {
    const reader = new JsonlReader(shape(), 0);
    expect(read(reader, [Buffer.from('{"id":1}\n{"id":2,"n":"\u00e9').subarray(0, -1)]).at(-1)).toEqual({
      offset: 9,
      line: 2,
      what: 'the file ends within this line',
    });
    expect(reader.isTruncated).toBe(true);
    expect(jsonl('{"id":1}\n{"id":2').at(-1)?.what).toBe('the file ends within this line');
    expect(jsonl('{"id":1}\n{"id":2}').at(-1)?.what).toEqual(['HSET', 'u:2', 'id', '2']);
  });
});

describe('shapes', () => {
  const made = (options: Partial<ShapeOptions>): (string[] | string)[] =>
    jsonl('{"id":1,"name":"n","points":2.5,"ttl":60}', options).map(({ what }) => what);

  test('every type', () => {
    expect(made({ as: 'string', value: '{name}!', ttl: '{ttl}' })).toEqual([['SET', 'u:1', 'n!', 'EX', '60']]);
    expect(made({ fields: ['name'], ttl: '5' })).toEqual([
      ['HSET', 'u:1', 'name', 'n'],
      ['EXPIRE', 'u:1', '5'],
    ]);
    expect(made({ as: 'list', value: '{name}' })).toEqual([['RPUSH', 'u:1', 'n']]);
    expect(made({ as: 'set', value: '{name}', ttl: '{none}' })).toEqual([['SADD', 'u:1', 'n']]);
    expect(made({ as: 'zset', value: '{name}', score: '{points}' })).toEqual([['ZADD', 'u:1', '2.5', 'n']]);
    expect(made({ as: 'stream', id: '{id}-0', fields: ['name'] })).toEqual([['XADD', 'u:1', '1-0', 'name', 'n']]);
    expect(made({ key: '{{{id}}}:{{', fields: ['name'] })).toEqual([['HSET', '{1}:{', 'name', 'n']]);
  });

  test('options that do not go together', () => {
    const wrong = (options: Partial<ShapeOptions>) => () => shape(options);
    expect(wrong({ as: 'string' })).toThrow('--as string needs --value');
    expect(wrong({ value: '{x}' })).toThrow('--as hash takes --fields and not --value');
    expect(wrong({ as: 'set', value: '{x}', fields: ['a'] })).toThrow('takes --value and not --fields');
    expect(wrong({ as: 'zset', value: '{x}' })).toThrow('needs --score');
    expect(wrong({ id: '{x}' })).toThrow('--id is for --as stream');
    expect(wrong({ ttl: 'soon' })).toThrow('--ttl: expected seconds');
    expect(wrong({ key: 'a}' })).toThrow("has a single '}'");
  });
});
