/** A client that pipelines without end does not keep the others waiting: so many commands of each in one turn. */
import { afterEach, expect, test } from 'vitest';
import { encode, Pipe } from '../journey/pipe.js';
import { Stage } from '../journey/stage.js';
import { text } from '../journey/wire.js';

let stage: Stage;
let pipes: Pipe[] = [];
afterEach(async () => {
  for (const pipe of pipes) pipe.close();
  pipes = [];
  await stage?.close();
});

async function client(): Promise<Pipe> {
  const pipe = await Pipe.open(stage.ferry.port);
  pipes.push(pipe);
  return pipe;
}

test.each([
  ['that the server answers', ['GET', 'k'], '(nil)'],
  ['that Ferry answers itself', ['NOSUCH'], "(error) ERR unknown command 'NOSUCH', with args beginning with: "],
] as const)('100,000 commands at once, %s', async (_name, command, reply) => {
  stage = await Stage.open();
  const [greedy, modest] = [await client(), await client()];
  await modest.ask('PING');
  const one = encode([command]);
  const all = Buffer.concat(Array.from({ length: 100_000 }, () => one));
  let isDone = false;
  const flood = greedy.raw(all, 100_000).then((replies) => {
    isDone = true;
    return replies;
  });
  // each of these goes to the server and comes back while the flood is on
  let served = 0;
  while (!isDone) {
    expect(text(await modest.ask('GET', 'k'))).toBe('(nil)');
    served++;
  }
  expect(served).toBeGreaterThan(5);
  const replies = await flood;
  expect(new Set(replies.map(text))).toEqual(new Set([reply]));
});
