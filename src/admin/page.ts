/**
 * The dashboard's files, as the build left them (vite.config.ts), kept in memory: one page at `/`, and the scripts and
 * styles that it names, under /assets/ with the hash of their contents in their names.
 *
 * Only what was there at the start is served, by exact path: no path of a request ever reaches the file system. They are the same
 * for everybody and hold nothing of a migration. Without a build there is a plain page that says what can be called.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';

export interface PageFile {
  readonly type: string;
  readonly body: Buffer;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** From dist/src/admin, and from src/admin when the tests run the sources. */
const PLACES = [new URL('../../dashboard/', import.meta.url), new URL('../../dist/dashboard/', import.meta.url)];

const PLAIN_PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Ferry</title>
<h1>Ferry</h1>
<p>This is the admin API of a running Ferry. The dashboard was not built (<code>npm run build</code>); without it there is <code>ferry status --watch</code>.</p>
<ul>
<li><a href="api/status">/api/status</a>: phase, both sides, backfill, verification</li>
<li><a href="api/verify/differences">/api/verify/differences</a>: what the last verification found, one JSON object per line</li>
<li><a href="api/report">/api/report</a>: the record of the migration</li>
<li><a href="metrics">/metrics</a>: for Prometheus</li>
<li><a href="healthz">/healthz</a>, <a href="readyz">/readyz</a>: for load balancers</li>
</ul>
</html>
`;

/** By path. */
export function readPage(places: readonly URL[] = PLACES): ReadonlyMap<string, PageFile> {
  for (const place of places) {
    const page = fileIn(place, 'index.html');
    if (page === null) continue;
    const assets = new URL('assets/', place);
    const files = readdirSync(assets).map((name) => [`/assets/${name}`, fileIn(assets, name)!] as const);
    return new Map([['/', page], ...files]);
  }
  return new Map([['/', { type: TYPES['.html']!, body: Buffer.from(PLAIN_PAGE) }]]);
}

function fileIn(directory: URL, name: string): PageFile | null {
  try {
    const body = readFileSync(new URL(name, directory));
    return { type: TYPES[extname(name)] ?? 'application/octet-stream', body };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
