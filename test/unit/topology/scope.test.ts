/** What is migrated at all. */
import { describe, expect, test } from 'vitest';
import { EVERYTHING, Scope, type ScopeOptions, scopeText } from '../../../src/topology/scope.js';

function scope(options: Partial<ScopeOptions>): Scope {
  return Scope.of({ ...EVERYTHING, ...options })!;
}

function has(one: Scope, db: number, key: string): boolean {
  const frame = Buffer.from(`(${key})`);
  const answers = [one.has(db, frame, 1, frame.length - 1), one.has(db, Buffer.from(key))];
  expect(answers[0]).toBe(answers[1]);
  return answers[0]!;
}

test('nothing said is no scope at all', () => {
  expect(Scope.of(EVERYTHING)).toBeNull();
});

describe('names', () => {
  test('must match some pattern of include, and none of exclude', () => {
    const one = scope({ include: ['user:*', 'cart:?'], exclude: ['user:tmp:*'] });
    expect(has(one, 0, 'user:1')).toBe(true);
    expect(has(one, 9, 'cart:7')).toBe(true);
    expect(has(one, 0, 'cart:77')).toBe(false);
    expect(has(one, 0, 'user:tmp:1')).toBe(false);
    expect(has(one, 0, 'other')).toBe(false);
    expect(one.hasPatterns).toBe(true);
  });

  test('without include all but those of exclude', () => {
    const one = scope({ exclude: ['session:*'] });
    expect(has(one, 0, 'session:1')).toBe(false);
    expect(has(one, 0, 'session')).toBe(true);
    expect(has(one, 0, '')).toBe(true);
  });

  test('are bytes', () => {
    const one = scope({ include: ['ü*'] });
    expect(has(one, 0, 'ünder')).toBe(true);
    expect(has(one, 0, 'under')).toBe(false);
  });
});

describe('databases', () => {
  test.each([
    [{ includeDbs: [0, 3] }, [true, false, true]],
    [{ excludeDbs: [3] }, [true, true, false]],
    [{ includeDbs: [0, 3], excludeDbs: [3] }, [true, false, false]],
  ])('%j', (options, expected) => {
    const one = scope(options);
    expect([0, 1, 3].map((db) => one.hasDb(db))).toEqual(expected);
    expect([0, 1, 3].map((db) => has(one, db, 'any'))).toEqual(expected);
    expect(one.hasPatterns).toBe(false);
  });
});

test('reads as on a command line, databases in order', () => {
  expect(scopeText(EVERYTHING)).toBe('');
  expect(scopeText({ include: ['a*', 'b'], exclude: ['c'], includeDbs: [3, 0], excludeDbs: [9] })).toBe(
    '--include a*,b --exclude c --include-dbs 0,3 --exclude-dbs 9',
  );
});

test('two different choices never read the same', () => {
  const texts = [['a,b'], ['a', 'b'], ['"a', 'b"'], ['a b'], ['a\\']].map((exclude) =>
    scopeText({ ...EVERYTHING, exclude }),
  );
  expect(new Set(texts).size).toBe(texts.length);
  expect(texts[0]).toBe('--exclude "a,b"');
});
