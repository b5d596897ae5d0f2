/**
 * The house rules that a compiler does not check: which folder may import which, and what a file must not be.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));

/** From the bottom up: a room may import from its own floor's own folder and from every floor below. */
const FLOORS: readonly (readonly string[])[] = [
  ['resp', 'observe'],
  ['commands', 'topology'],
  ['ledger', 'phases'],
  ['config'],
  ['lanes'],
  ['mirror'],
  ['routing'],
  ['sessions', 'jobs', 'preflight', 'load'],
  ['admin'],
  ['app', 'dashboard'],
  ['cli'],
];
interface Source {
  /** relative to src, with slashes */
  path: string;
  folder: string;
  text: string;
  /** what it imports from src, as paths relative to src */
  imports: { path: string; typeOnly: boolean }[];
}

const sources: Source[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.tsx?$/.test(path))
  .map((path) => readSource(path.split('\\').join('/')));

function readSource(path: string): Source {
  const text = readFileSync(join(SRC, path), 'utf8');
  return { path, folder: folderOf(path), text, imports: importsOf(path, text) };
}

/** `mirror/copy.ts` → mirror; `app.ts` → app */
function folderOf(path: string): string {
  return (path.split('/')[0] ?? '').replace(/\.(tsx?|js)$/, '');
}

function importsOf(path: string, text: string): Source['imports'] {
  const found = [...text.matchAll(/^(?:import|export)\s+(type\s+)?[^'";]*?\bfrom\s+'([^']+)'|^import\s+()'([^']+)'/gm)];
  const dynamic = [...text.matchAll(/\bimport\(\s*()'([^']+)'\s*\)/g)];
  return [...found, ...dynamic]
    .map((match) => ({ specifier: match[2] ?? match[4] ?? '', typeOnly: Boolean(match[1]) }))
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(({ specifier, typeOnly }) => ({ path: posix.join(posix.dirname(path), specifier), typeOnly }));
}

/** The source that is imported as `x.js`. */
function writtenAs(path: string): string {
  const component = path.replace(/\.js$/, '.tsx');
  return sources.some((source) => source.path === component) ? component : path.replace(/\.js$/, '.ts');
}

function floorOf(folder: string): number {
  return FLOORS.findIndex((floor) => floor.includes(folder));
}

/** null when the import is allowed */
function objection(from: string, to: string): string | null {
  if (from === to) return null;
  return floorOf(to) < floorOf(from) ? null : `${from} must not import ${to}`;
}

describe('the layout of src', () => {
  test('every folder has its place in the dependency table', () => {
    expect(sources.filter(({ folder }) => floorOf(folder) === -1).map(({ path }) => path)).toEqual([]);
  });

  test('dependencies point one way', () => {
    const wrong = sources.flatMap(({ path, folder, imports }) =>
      imports.flatMap((imported) => {
        // the demo runs the application that bench/ holds
        if (imported.path.startsWith('../bench/') && path.startsWith('cli/demo/')) return [];
        if (imported.path.startsWith('..')) return [`${path}: imports ${imported.path}, which is outside src`];
        const why = objection(folder, folderOf(imported.path));
        return why === null ? [] : [`${path}: ${why} (${imported.path})`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test('no module imports itself through others', () => {
    const graph = new Map(
      sources.map(({ path, imports }) => [
        path,
        imports.filter(({ typeOnly }) => !typeOnly).map((imported) => writtenAs(imported.path)),
      ]),
    );
    const state = new Map<string, 'open' | 'done'>();
    const circles: string[] = [];
    const visit = (path: string, trail: string[]): void => {
      if (state.get(path) === 'done') return;
      if (state.get(path) === 'open') {
        circles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
        return;
      }
      state.set(path, 'open');
      for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
      state.set(path, 'done');
    };
    for (const path of graph.keys()) visit(path, []);
    expect(circles).toEqual([]);
  });

  test('the rule itself refuses what it should', () => {
    expect(objection('resp', 'lanes')).toBe('resp must not import lanes');
    expect(objection('resp', 'observe')).toBe('resp must not import observe');
    expect(objection('sessions', 'jobs')).toBe('sessions must not import jobs');
    expect(objection('admin', 'app')).toBe('admin must not import app');
    expect(objection('commands', 'config')).toBe('commands must not import config');
    expect(objection('cli', 'resp')).toBeNull();
    expect(objection('mirror', 'mirror')).toBeNull();
    const text =
      "import { a } from '../lanes/lane.js';\nimport {\n  b,\n} from '../ledger/slots.js';\nimport './x.js';\n";
    expect(importsOf('resp/y.ts', text).map(({ path }) => path)).toEqual([
      'lanes/lane.js',
      'ledger/slots.js',
      'resp/x.js',
    ]);
  });
});

test('no test is left out of vitest.config.ts', () => {
  const root = new URL('../..', import.meta.url);
  const kinds = [...readFileSync(new URL('vitest.config.ts', root), 'utf8').matchAll(/kind\('(\w+)'/g)].map(
    (match) => match[1],
  );
  const tests = readdirSync(new URL('test', root), { recursive: true, encoding: 'utf8' });
  const left = tests.filter((path) => /\.test\.\w+$/.test(path) && !kinds.includes(path.split(/[\\/]/)[0]));
  expect(left).toEqual([]);
});

describe('every file of src', () => {
  test.each(sources.map((source) => [source.path, source] as const))('%s', (path, { text }) => {
    expect(text, 'begins with a comment that states its contract').toMatch(/^(#!.*\n)?\/(\*\*|\/)/);
    expect(text, 'has no default export').not.toMatch(/^export\s+default\b|\bas\s+default\b/m);
    expect(withoutComments(text), 'has no any').not.toMatch(/(:\s*any\b|<any\b|\bas\s+any\b|\bany\[\]|\bany>)/);
    expect(basename(path), 'is named for its subject').not.toMatch(/util|helper|manager|common|misc/i);
    expect(relative('.', path), 'is in lower case with dashes').toMatch(/^[a-z0-9./-]+$/);
  });
});

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '');
}
