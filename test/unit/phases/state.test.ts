import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { newState, StateDirectory } from '../../../src/phases/state.js';

const before = newState('a:1', 'b:2', 'target-read');
const after = { ...before, phase: 'target-first' as const, epoch: 2 };
let path: string;
let directory: StateDirectory;

beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'ferry-state-'));
  directory = new StateDirectory(path);
  await directory.save(before);
});

afterEach(() => rmSync(path, { recursive: true, force: true }));

/** What a process that starts now finds. */
function found() {
  return new StateDirectory(path).load();
}

test('what is prepared counts for nothing until its commit', async () => {
  const prepared = await directory.prepare(after);
  expect(await found()).toEqual(before);
  await directory.commit(prepared);
  expect(await found()).toEqual(after);
});

test('a commit comes in its turn among the saves', async () => {
  const prepared = await directory.prepare(after);
  const [earlier, commit, later] = [
    directory.save({ ...before, epoch: 7 }),
    directory.commit(prepared),
    directory.save({ ...after, verifiedClean: true }),
  ];
  await earlier;
  await commit;
  await later;
  expect(await found()).toEqual({ ...after, verifiedClean: true });
});

test('what is discarded leaves nothing', async () => {
  await directory.discard(await directory.prepare(after));
  await directory.commit(await directory.prepare(after));
  expect(await found()).toEqual(after);
});

test.each(['', '{"migrationId": "ab", "pha', 'null', '[]', '{"migrationId": "ab", "phase": "dual-write"}'])(
  'a damaged file says what to do: %s',
  async (text) => {
    writeFileSync(join(path, 'state.json'), text);
    await expect(found()).rejects.toThrow(
      /state\.json is damaged, .*Put a copy back, or start with --adopt and an empty/,
    );
  },
);

test.each(['new', 'draft'])(
  'what cannot be written says where, and a later save is not kept from it: %s',
  async (name) => {
    const inTheWay = join(path, `state.json.${name}`);
    mkdirSync(inTheWay);
    const write = () => (name === 'new' ? directory.save(after) : directory.prepare(after));
    await expect(write()).rejects.toThrow(`The state directory ${path} cannot be written (EISDIR`);
    expect(await found()).toEqual(before);
    rmSync(inTheWay, { recursive: true });
    await directory.save(after);
    expect(await found()).toEqual(after);
  },
);
