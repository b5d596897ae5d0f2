/** The order in which a slot's redirected requests are sent again. */
import { describe, expect, it } from 'vitest';
import { Detour } from '../../../src/lanes/routed/detour.js';
import { NO_NODE, type Request } from '../../../src/lanes/routed/requests.js';

const ASKED_NODE = 2;

interface Named extends Request {
  readonly name: string;
}

function request(name: string, askNode = NO_NODE): Named {
  return {
    name,
    slot: 7,
    askNode,
    waitsSinceMs: 0,
    barriers: 0,
    isBroken: false,
    transmit() {},
    refuse() {},
    lose() {},
  };
}

function order(detour: Detour): string[] {
  const names: string[] = [];
  while (detour.length > 0) names.push((detour.shift() as Named).name);
  return names;
}

describe('a detour', () => {
  it('sends what was redirected before what came later, each in its order', () => {
    const detour = new Detour(7);
    detour.waiting.push(request('c'));
    detour.keep(request('a'));
    detour.keep(request('b'));
    detour.waiting.push(request('d'));
    expect(order(detour)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('puts one that went out alone and came back before all others', () => {
    const detour = new Detour(7);
    for (const name of ['a', 'b', 'c']) detour.keep(request(name));
    detour.drained();
    const first = detour.shiftAlone();
    detour.waiting.push(request('d'));
    detour.keep(first);
    expect(order(detour)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('does so again after the first was answered', () => {
    const detour = new Detour(7);
    for (const name of ['a', 'b', 'c']) detour.keep(request(name));
    detour.drained();
    detour.shiftAlone();
    detour.drained();
    const second = detour.shiftAlone();
    detour.keep(second);
    expect(order(detour)).toEqual(['b', 'c']);
  });

  it('believes an ASK only of a request that goes out next', () => {
    const detour = new Detour(7);
    const [a, b] = [request('a', ASKED_NODE), request('b', ASKED_NODE)];
    detour.keep(a);
    expect(a.askNode).toBe(ASKED_NODE);
    detour.keep(b);
    expect([a.askNode, b.askNode]).toEqual([NO_NODE, NO_NODE]);
    detour.drained();
    detour.shiftAlone();
    a.askNode = ASKED_NODE;
    detour.keep(a);
    expect(detour.front()).toBe(a);
    expect(a.askNode).toBe(ASKED_NODE);
  });
});
