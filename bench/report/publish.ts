/**
 * docs/performance.json, the charts in docs/performance/ and the marked parts of docs/performance.md, all from the same
 * results. A run of some rows replaces those rows and leaves the others. What nobody measures any more, and charts that
 * nobody draws any more, go.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { charts } from './charts.js';
import { type BenchDocument, merged } from './document.js';
import { sections, withSections } from './markdown.js';

const CHARTS = 'performance';

/** `newer`: null only makes the page again. `ids`: all rows that there are, in their order. */
export async function publish(docs: string, newer: BenchDocument | null, ids: readonly string[]): Promise<void> {
  const [json, page, folder] = [join(docs, 'performance.json'), join(docs, 'performance.md'), join(docs, CHARTS)];
  const older = await readResults(json);
  const results = newer === null ? older : merged(older, newer, ids);
  if (results === null) throw new Error(`there is no ${json} to draw from: publish a run first (--publish)`);
  const drawn = charts(results);
  const text = withSections(await readFile(page, 'utf8'), sections(results, drawn, CHARTS));
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) if (name.endsWith('.svg')) await rm(join(folder, name));
  for (const { name, svg } of drawn) await writeFile(join(folder, `${name}.svg`), svg);
  await writeFile(json, `${JSON.stringify(results, null, 1)}\n`);
  await writeFile(page, text);
}

async function readResults(path: string): Promise<BenchDocument | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as BenchDocument;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
