/**
 * Verification finds what was planted, all of it and nothing else; repair removes it; the strict judge agrees.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Difference } from '../../../src/admin/control.js';
import { Stage } from '../journey/stage.js';
import { HARMLESS, PLANTED, type Planted, run } from './planted.js';

const KIB = 1024;

function sorted(lines: string[]): string[] {
  return lines.sort();
}

function lineOf(db: number, key: string | Buffer, kind: string): string {
  return `${kind} ${db} ${Buffer.from(key).toString('latin1')}`;
}

const EXPECTED = sorted(PLANTED.map(({ db, name, kind }) => lineOf(db ?? 0, name, kind)));

function found(differences: readonly Difference[]): string[] {
  return sorted(differences.map(({ db, key, kind }) => lineOf(db, key, kind)));
}

/** Both ways to compare a key: whole by DUMP where it is small, else in pieces by type. */
describe.each([
  ['with DUMP', { bigKeyBytes: 64 * KIB }, []],
  ['without DUMP and RESTORE on the target', {}, ['--rename-command', 'DUMP', '', '--rename-command', 'RESTORE', '']],
])('planted differences, %s', (_name, limits, targetArgs) => {
  let stage: Stage;

  beforeAll(async () => {
    // what is planted beside Ferry is for the verification to find
    stage = await Stage.open({ config: { limits, detectBypass: { mode: 'off' } }, targetArgs });
    const source = await stage.onSource();
    await run(source, [...PLANTED, ...HARMLESS], 'value');
    await stage.backfill();
    expect(await stage.verify()).toEqual([]);
    expect(await stage.differences()).toEqual([]);
    const target = await stage.onTarget();
    const onSource = (plant: Planted) => plant.onSource === true;
    await run(target, [...PLANTED.filter((plant) => !onSource(plant)), ...HARMLESS], 'change');
    await run(source, PLANTED.filter(onSource), 'change');
  });
  afterAll(() => stage?.close());

  test('are found, each as the kind it is, and nothing else', async () => {
    expect(found(await stage.verify())).toEqual(EXPECTED);
    const { clean, differences } = stage.status.verify;
    expect(clean).toBe(false);
    const count = (kind: string) => PLANTED.filter((plant) => plant.kind === kind).length;
    for (const kind of Object.keys(differences)) expect(differences, kind).toMatchObject({ [kind]: count(kind) });
  });

  test('are told by the API, one JSON object per line', async () => {
    const url = `http://127.0.0.1:${stage.ferry.adminPort}/api/verify/differences`;
    const lines = (await (await fetch(url)).text()).trimEnd().split('\n');
    const told = lines.map((line) => {
      const { db, key, kind } = JSON.parse(line);
      return lineOf(db, typeof key === 'string' ? key : Buffer.from(key.base64, 'base64'), kind);
    });
    expect(sorted(told)).toEqual(EXPECTED);
    expect(lines.some((line) => line.includes('{"base64":"/wANCoA="}'))).toBe(true);
  });

  test('are repaired, and the next verification is clean', async () => {
    expect(found(await stage.verify(true))).toEqual(EXPECTED);
    expect(await stage.verify()).toEqual([]);
    expect(stage.status.verify).toMatchObject({ clean: true });
    expect(await stage.differences()).toEqual([]);
  });
});
