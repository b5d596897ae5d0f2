/** What a reader follows: the links of the pages, and the commands that README shows. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { runFerry } from '../../support/cli.js';

const ROOT = join(import.meta.dirname, '../../..');
const PAGES = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)].filter((path) =>
  path.endsWith('.md'),
);
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** As GitHub makes the anchor of a heading. */
function slugOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');
}

function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '`');
}

test.each(PAGES)('%s: every link leads to a file, and to a heading of it', (page) => {
  const text = withoutCode(read(page));
  const links = [...text.matchAll(/\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"/g)].map((match) => match[1] ?? match[2]!);
  for (const link of links.filter((link) => !/^[a-z]+:/.test(link))) {
    const [path = '', anchor] = link.split('#');
    const file = path === '' ? page : join(dirname(page), path);
    expect(existsSync(join(ROOT, file)), link).toBe(true);
    if (anchor === undefined) continue;
    const headings = [...read(file).matchAll(/^#+ (.+)$/gm)].map((match) => slugOf(match[1]!));
    expect(headings, link).toContain(anchor);
  }
});

/** `ferry cutover --dry-run` of a block of code or of a line: the verb and its options. */
function commandsIn(text: string): { verb: string; flags: string[] }[] {
  return [...text.matchAll(/(?:^|`)ferry ([a-z]+)([^`#\n]*)/gm)].map(([, verb, rest]) => ({
    verb: verb!,
    flags: [...rest!.matchAll(/\s--([a-z-]+)/g)].map((match) => match[1]!),
  }));
}

test('README and the runbook name verbs and options that there are', { timeout: 90_000 }, async () => {
  const commands = ['README.md', 'docs/runbook.md'].flatMap((page) => commandsIn(read(page)));
  const usesByVerb = new Map<string, string[]>();
  for (const { verb, flags } of commands) usesByVerb.set(verb, [...(usesByVerb.get(verb) ?? []), ...flags]);
  expect([...usesByVerb.keys()]).toEqual(
    expect.arrayContaining(['preflight', 'serve', 'migrate', 'cutover', 'rollback', 'finalize', 'report', 'leave']),
  );
  for (const [verb, flags] of usesByVerb) {
    const { code, stdout } = await runFerry([verb, '--help']);
    expect({ verb, code }).toEqual({ verb, code: 0 });
    for (const flag of flags) expect(stdout, `ferry ${verb}`).toContain(`--${flag}`);
  }
});

test('README: what Ferry is, a picture, the set-up and a migration are on the first screen', () => {
  const firstScreen = read('README.md').split('\n').slice(0, 45).join('\n');
  for (const what of ['npm run demo', 'npm test', 'ferry serve', 'ferry migrate', 'ferry cutover', '<picture>'])
    expect(firstScreen).toContain(what);
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  for (const [, script] of read('README.md').matchAll(/`npm run (?:--silent )?([a-z:]+)/g))
    expect(Object.keys(scripts)).toContain(script);
});
