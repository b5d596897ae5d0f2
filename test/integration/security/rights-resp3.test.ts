/** The question for a user's rights to what Ferry answers itself, asked on a connection that speaks RESP3. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Asker } from '../equality/asker.js';
import { Stage } from '../journey/stage.js';

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage?.close());

test.each([
  ['CLIENT INFO', '='],
  ['CLIENT TRACKINGINFO', '%'],
  ['CLIENT LIST', '='],
])('%s is answered when it is the first of its kind, whatever type the server answers with', async (line, type) => {
  const client = await Asker.open(stage.ferry.port);
  try {
    const replies = await client.ask([['HELLO', '3'], line.split(' '), ['PING']]);
    expect(replies.slice(1).map((reply) => reply.slice(0, 1))).toEqual([type, '+']);
  } finally {
    client.close();
  }
});
