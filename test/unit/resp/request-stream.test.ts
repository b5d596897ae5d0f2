import { describe, expect, it } from 'vitest';
import { BODY, COMMAND, HEAD, NEED_MORE, PROTOCOL_ERROR, RequestScanner } from '../../../src/resp/request.js';
import { bytes, inPiecesOf } from './drive.js';

const THRESHOLD = 50;

function streaming(): RequestScanner {
  const scanner = new RequestScanner();
  scanner.streamThreshold = THRESHOLD;
  return scanner;
}

interface Streamed {
  /** The bytes of each command in order, put together from its pieces where it was streamed. */
  commands: string[];
  streamed: number;
  error: string | null;
  /** A command was begun and not ended. */
  open: boolean;
}

function stream(pieces: readonly string[], scanner = streaming()): Streamed {
  const found: Streamed = { commands: [], streamed: 0, error: null, open: false };
  let current = '';
  for (const piece of pieces) {
    scanner.push(bytes(piece));
    for (;;) {
      const result = scanner.next();
      if (result === NEED_MORE) break;
      if (result === PROTOCOL_ERROR) {
        found.error = scanner.error;
        return found;
      }
      const text = scanner.frame.toString('latin1', scanner.frameStart, scanner.frameEnd);
      if (result === COMMAND) {
        expect(found.open).toBe(false);
        found.commands.push(text);
      } else if (result === HEAD) {
        expect(found.open).toBe(false);
        found.open = true;
        found.streamed++;
        current = text;
      } else {
        expect(found.open).toBe(true);
        expect(text).not.toBe('');
        current += text;
        if (scanner.bodyLast) {
          found.commands.push(current);
          found.open = false;
        }
      }
    }
  }
  return found;
}

const small = '*2\r\n$3\r\nGET\r\n$1\r\nk\r\n';
const set = `*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$200\r\n${'v'.repeat(200)}\r\n`;
const mset = `*7\r\n$4\r\nMSET\r\n$1\r\na\r\n$80\r\n${'1'.repeat(80)}\r\n$1\r\nb\r\n$0\r\n\r\n$1\r\nc\r\n$60\r\n${'\r'.repeat(60)}\r\n`;

describe('RequestScanner streams', () => {
  it('nothing unless it is told to', () => {
    expect(stream(inPiecesOf(set + mset, 20), new RequestScanner())).toMatchObject({
      commands: [set, mset],
      streamed: 0,
    });
  });

  it('a command whose bulk is large and not there yet', () => {
    const scanner = streaming();
    scanner.push(bytes(small + set.slice(0, 40)));
    expect(scanner.next()).toBe(COMMAND);
    expect(scanner.next()).toBe(HEAD);
    expect([scanner.argc, scanner.argsRead]).toEqual([3, 2]);
    expect([scanner.text(0), scanner.text(1)]).toEqual(['SET', 'key']);
    expect(() => scanner.arg(2)).toThrow(RangeError);
    expect(scanner.frame.toString('latin1', scanner.frameStart, scanner.frameEnd)).toBe(set.slice(0, 40));
    expect(scanner.next()).toBe(NEED_MORE);
    expect(scanner.bufferedBytes).toBe(0);

    const middle = bytes(set.slice(40, 100));
    scanner.push(middle);
    expect(scanner.next()).toBe(BODY);
    expect(scanner.frame, 'no copy').toBe(middle);
    expect([scanner.frameStart, scanner.frameEnd, scanner.bodyLast]).toEqual([0, 60, false]);
    expect(scanner.next()).toBe(NEED_MORE);

    scanner.push(bytes(set.slice(100) + small));
    expect(scanner.next()).toBe(BODY);
    expect([scanner.frameEnd, scanner.bodyLast]).toEqual([set.length - 100, true]);
    expect(scanner.next()).toBe(COMMAND);
    expect(scanner.text(0)).toBe('GET');
    expect(scanner.next()).toBe(NEED_MORE);
  });

  it('but not a large command that is wholly there, nor small bulks', () => {
    const many = `*100\r\n${'$1\r\nk\r\n'.repeat(100)}`;
    expect(stream([set + mset + many])).toEqual({ commands: [set, mset, many], streamed: 0, error: null, open: false });
    expect(stream(inPiecesOf(many, 10))).toEqual({ commands: [many], streamed: 0, error: null, open: false });
  });

  for (const size of [1, 2, 3, 10, 33, 100, 1000]) {
    it(`the same bytes, in pieces of ${size}`, () => {
      const commands = [small, set, small, mset, set, mset, small, small];
      const found = stream(inPiecesOf(commands.join(''), size));
      expect(found).toMatchObject({ commands, error: null, open: false });
      expect(found.streamed > 0).toBe(size < 1000);
    });
  }

  it('further bulks of the command: any argument, any split', () => {
    for (let at = 1; at < mset.length; at++) {
      const found = stream([mset.slice(0, at), mset.slice(at) + small]);
      expect(found, `cut at ${at}`).toMatchObject({ commands: [mset, small], error: null, open: false });
    }
  });

  it('what is not there, however many chunks of it are', () => {
    for (const missing of [0, 10, 150]) {
      const scanner = streaming();
      const text = small + set;
      for (const piece of inPiecesOf(text.slice(0, text.length - missing), 13)) scanner.push(bytes(piece));
      const rest = text.slice(text.length - missing) + small;
      expect(stream([rest], scanner)).toEqual({ commands: [small, set, small], streamed: 0, error: null, open: false });
    }
    const scanner = streaming();
    for (const piece of inPiecesOf(small + set.slice(0, 150), 13)) scanner.push(bytes(piece));
    expect(stream([set.slice(150, 160), set.slice(160)], scanner)).toMatchObject({
      commands: [small, set],
      streamed: 1,
    });
  });

  it('or gathers it after all', () => {
    const scanner = streaming();
    scanner.push(bytes(small + mset.slice(0, 70)));
    expect(scanner.next()).toBe(COMMAND);
    expect(scanner.next()).toBe(HEAD);
    scanner.gather();
    expect(scanner.next()).toBe(NEED_MORE);
    expect(scanner.bufferedBytes).toBe(70);
    scanner.push(bytes(mset.slice(70, 190)));
    expect(scanner.next()).toBe(NEED_MORE);
    scanner.push(bytes(mset.slice(190) + set.slice(0, 100)));
    expect(scanner.next()).toBe(COMMAND);
    expect(scanner.frame.toString('latin1', scanner.frameStart, scanner.frameEnd)).toBe(mset);
    expect(scanner.text(6)).toBe('\r'.repeat(60));
    expect(scanner.next(), 'only that one was gathered').toBe(HEAD);
  });

  it('not with odd line ends, which must be rewritten', () => {
    const odd = set.replace('SET\r\n', 'SET??');
    expect(stream(inPiecesOf(odd, 30))).toEqual({ commands: [set], streamed: 0, error: null, open: false });
  });

  it('more than one command may hold, but gathers no more than that', () => {
    const scanner = streaming();
    scanner.maxCommandBytes = 100;
    expect(stream(inPiecesOf(set, 40), scanner)).toMatchObject({ commands: [set], streamed: 1 });
    scanner.push(bytes(set.slice(0, 40)));
    expect(scanner.next()).toBe(HEAD);
    scanner.gather();
    expect(scanner.next()).toBe(PROTOCOL_ERROR);
  });
});

describe('RequestScanner refuses in the middle of a stream', () => {
  const begin = `*3\r\n$4\r\nMSET\r\n$100\r\n${'x'.repeat(100)}\r\n`;
  const cases: [string, string][] = [
    ['+1\r\n', "ERR Protocol error: expected '$', got '+'"],
    ['\r\n', "ERR Protocol error: expected '$', got ' '"],
    ['$-1\r\n', 'ERR Protocol error: invalid bulk length'],
    ['$\r\n', 'ERR Protocol error: invalid bulk length'],
    ['$01\r\n', 'ERR Protocol error: invalid bulk length'],
    ['$1x\r\n', 'ERR Protocol error: invalid bulk length'],
    ['$536870913\r\n', 'ERR Protocol error: invalid bulk length'],
  ];
  for (const [rest, error] of cases) {
    it(JSON.stringify(rest), () => {
      for (const size of [1, 7, 60]) expect(stream(inPiecesOf(begin + rest, size)).error).toBe(error);
      // The same words as for a command that is not streamed.
      expect(stream([begin + rest], new RequestScanner()).error).toBe(error);
    });
  }
});
