/** When a node's breaker opens, who may try meanwhile, and who hears that it is over. */
import { describe, expect, test } from 'vitest';
import { Breaker, type Tried } from '../../../src/lanes/breaker.js';

class FakeLane implements Tried {
  tries = 0;
  tryNow(): void {
    this.tries++;
  }
}

function opened(): Breaker {
  const breaker = new Breaker();
  for (const atMs of [100, 900, 2100]) breaker.failed(atMs - 50, atMs);
  expect(breaker.isOpen).toBe(true);
  return breaker;
}

describe('it opens', () => {
  test('when three attempts failed and the first of them began two seconds ago', () => {
    const breaker = new Breaker();
    breaker.failed(0, 10);
    breaker.failed(1990, 1995);
    expect(breaker.isOpen).toBe(false);
    breaker.failed(1995, 1999);
    expect(breaker.isOpen).toBe(false);
    breaker.failed(2000, 2000);
    expect(breaker.isOpen).toBe(true);
    expect(breaker.opened).toBe(1);
  });

  test('not for many at once: a hundred lanes lose a server that restarts', () => {
    const breaker = new Breaker();
    for (let i = 0; i < 100; i++) breaker.failed(0, 5);
    expect(breaker.isOpen).toBe(false);
  });

  test('not for one attempt that took its time', () => {
    const breaker = new Breaker();
    breaker.failed(0, 5000);
    breaker.failed(5020, 10_020);
    expect(breaker.isOpen).toBe(false);
  });

  test('never when one in between succeeded', () => {
    const breaker = new Breaker();
    for (let atMs = 0; atMs < 60_000; atMs += 500) {
      breaker.failed(atMs, atMs);
      breaker.failed(atMs, atMs);
      breaker.succeeded();
    }
    expect(breaker.opened).toBe(0);
  });
});

describe('while it is open', () => {
  test('one lane tries, the others are told when it succeeded', () => {
    const breaker = opened();
    const [probe, second, third] = [new FakeLane(), new FakeLane(), new FakeLane()];
    expect([probe, second, third, probe, second].map((lane) => breaker.mayTry(lane))).toEqual([
      true,
      false,
      false,
      true,
      false,
    ]);
    breaker.succeeded();
    expect(breaker.isOpen).toBe(false);
    expect([probe, second, third].map(({ tries }) => tries)).toEqual([0, 1, 1]);
    expect(breaker.mayTry(third)).toBe(true);
  });

  test('another one takes the place of a probe that is not wanted any more', () => {
    const breaker = opened();
    const [probe, second] = [new FakeLane(), new FakeLane()];
    breaker.mayTry(probe);
    expect(breaker.mayTry(second)).toBe(false);
    breaker.forget(probe);
    expect(breaker.mayTry(second)).toBe(true);
  });

  test('one that was closed is not woken', () => {
    const breaker = opened();
    const [probe, second] = [new FakeLane(), new FakeLane()];
    breaker.mayTry(probe);
    breaker.mayTry(second);
    breaker.forget(second);
    breaker.succeeded();
    expect(second.tries).toBe(0);
  });
});
