/**
 * Vector sets, where the servers have them (Redis 8): equal ones dump differently after one RESTORE, and they are equal
 * all the same; every single difference is found; and big ones, which nothing but DUMP carries, come across whole.
 */
import { afterEach, beforeAll, expect, test } from 'vitest';
import { startRedis } from '../../support/redis.js';
import { Stage } from '../journey/stage.js';
import { writeCommands } from '../write-commands/running.js';
import { Wire } from '../write-commands/wire.js';

const QUANTIZATIONS = ['NOQUANT', 'Q8', 'BIN'];
const ELEMENTS = 40;

const CHANGES: readonly (readonly [what: string, ...line: string[]])[] = [
  ['another vector', 'VADD', 'Q8', 'VALUES', '3', '9', '-1', '2', 'e1'],
  ['an element more', 'VADD', 'Q8', 'VALUES', '3', '9', '-1', '2', 'more'],
  ['an element less', 'VREM', 'Q8', 'e1'],
  ['another attribute', 'VSETATTR', 'Q8', 'e1', '{"n":-1}'],
];

let stage: Stage | undefined;
let hasVectorSets = false;

beforeAll(async () => {
  const server = await startRedis();
  const wire = await Wire.open(server.port);
  hasVectorSets = (await writeCommands(wire)).includes('vadd');
  wire.close();
  await server.stop();
});

afterEach(() => stage?.close());

async function plant(wire: Wire): Promise<void> {
  for (const quantization of QUANTIZATIONS) {
    for (let i = 0; i < ELEMENTS; i++) {
      const vector = [Math.sin(i), Math.cos(i * 7), i].map(String);
      const attributes = i % 2 === 0 ? [] : ['SETATTR', `{"n":${i}}`];
      await wire.send('VADD', quantization, 'VALUES', 3, ...vector, `e${i}`, quantization, ...attributes);
    }
  }
}

test.each([
  ['whole', 64 * 1024 * 1024],
  ['though they are big', 100],
])('are copied %s, and verified clean', async (_, bigKeyBytes) => {
  if (!hasVectorSets) return;
  stage = await Stage.open({ config: { limits: { bigKeyBytes } } });
  await plant(await stage.onSource());
  await stage.goTo('dual-write');
  await stage.backfill();
  expect(await stage.verify()).toEqual([]);
  const [source, target] = [await stage.onSource(), await stage.onTarget()];
  const dumps = await Promise.all([source, target].map((wire) => wire.send('DUMP', 'Q8')));
  expect(String(dumps[0])).not.toBe(String(dumps[1]));
});

test.each(CHANGES)('%s is found, and repaired', async (_, ...line) => {
  if (!hasVectorSets) return;
  stage = await Stage.open({});
  await plant(await stage.onSource());
  await stage.goTo('dual-write');
  await stage.backfill();
  const target = await stage.onTarget();
  expect(await target.send(...line)).not.toBeInstanceOf(Error);
  expect((await stage.verify(true)).map(({ kind, key }) => `${kind} ${key}`)).toEqual(['value Q8']);
  expect(await stage.verify()).toEqual([]);
});
