import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BODY, COMMAND, HEAD, NEED_MORE, PROTOCOL_ERROR, RequestScanner } from '../../../src/resp/request.js';
import { bytes, cut, inPiecesOf, scanRequests } from '../../unit/resp/drive.js';
import { REQUESTS } from '../../unit/resp/request-fixtures.js';
import { commands, cuts, encode, encodeInline, places, rubbishRequests } from './generate.js';

describe('RequestScanner', () => {
  it('finds the commands however their bytes are cut', () => {
    fc.assert(
      fc.property(commands, cuts, (expected, parts) => {
        const text = expected.map(encode).join('');
        expect(scanRequests(cut(text, places(text, parts)))).toEqual({ commands: expected, error: null, pending: 0 });
      }),
      { numRuns: 500 },
    );
  });

  it('finds inline commands however their bytes are cut', () => {
    fc.assert(
      fc.property(commands, fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }), cuts, (expected, inline, parts) => {
        const text = expected
          .map((args, i) => (inline[i] && args.join('').length < 10_000 ? encodeInline(args) : encode(args)))
          .join('');
        expect(scanRequests(cut(text, places(text, parts)))).toEqual({ commands: expected, error: null, pending: 0 });
      }),
      { numRuns: 300 },
    );
  });

  it('finds the same in every fixture however it is cut', () => {
    for (const fixture of REQUESTS) {
      const whole = scanRequests([fixture.bytes]);
      fc.assert(
        fc.property(cuts, (parts) => {
          expect(scanRequests(cut(fixture.bytes, places(fixture.bytes, parts)))).toEqual(whole);
        }),
        { numRuns: 30 },
      );
    }
  });

  it('finds the same in rubbish, whole, cut or byte by byte', () => {
    let refused = 0;
    let accepted = 0;
    fc.assert(
      fc.property(rubbishRequests, cuts, (text, parts) => {
        const whole = scanRequests([text]);
        if (whole.error === null) accepted += whole.commands.length;
        else refused++;
        expect(scanRequests(cut(text, places(text, parts)))).toEqual(whole);
        expect(scanRequests(inPiecesOf(text, 1))).toEqual(whole);
      }),
      { numRuns: 3000 },
    );
    // The rubbish must be rubbish, and must not be nothing but.
    expect(refused).toBeGreaterThan(300);
    expect(accepted).toBeGreaterThan(300);
  });

  it('streams the same bytes, at any threshold, gathered or not', () => {
    let heads = 0;
    let gathered = 0;
    fc.assert(
      fc.property(
        commands,
        cuts,
        fc.integer({ min: 0, max: 60 }),
        fc.array(fc.boolean(), { minLength: 1 }),
        (expected, parts, threshold, choices) => {
          const text = expected.map(encode).join('');
          const scanner = new RequestScanner();
          scanner.streamThreshold = threshold;
          const found: string[] = [];
          let current = '';
          for (const piece of cut(text, places(text, parts))) {
            scanner.push(bytes(piece));
            for (;;) {
              const result = scanner.next();
              if (result === NEED_MORE) break;
              expect(result).not.toBe(PROTOCOL_ERROR);
              const frame = scanner.frame.toString('latin1', scanner.frameStart, scanner.frameEnd);
              if (result === HEAD) {
                heads++;
                const args = expected[found.length] as string[];
                expect(scanner.argc).toBe(args.length);
                for (let i = 0; i < scanner.argsRead; i++) expect(scanner.text(i)).toBe(args[i]);
                current = frame;
                if (choices[heads % choices.length]) {
                  gathered++;
                  scanner.gather();
                }
              } else if (result === COMMAND) {
                found.push(frame);
              } else {
                expect(result).toBe(BODY);
                current += frame;
                if (scanner.bodyLast) found.push(current);
              }
            }
          }
          expect(found).toEqual(expected.map(encode));
          expect(scanner.bufferedBytes).toBe(0);
        },
      ),
      { numRuns: 500 },
    );
    expect(heads).toBeGreaterThan(300);
    expect(gathered).toBeGreaterThan(100);
  });
});
