/**
 * A preflight as one HTML file: self-contained (no script, nothing loaded), for light and dark, for paper too. Everything that
 * comes from a server is escaped: names of keys are anybody's.
 */
import { VERSION } from '../config/version.js';
import { bytes, number } from '../observe/figures.js';
import { barChart, escapeHtml, type Row } from './charts.js';
import { topCommands } from './checks/traffic.js';
import { type Facts, numberField, type SideFacts, sumOf } from './facts.js';
import { type Finding, type PreflightReport, SEVERITIES, type Severity } from './finding.js';
import { type Profile, profileOf } from './profile.js';
import { sideText, verdict } from './text.js';
import { percent } from './wording.js';

const TITLES: Readonly<Record<Severity, string>> = { blocker: 'Blockers', warning: 'Warnings', note: 'Notes' };
const ROWS_MAX = 15;

const STYLE = `
:root { color-scheme: light dark; --ground: #fff; --ink: #1c2430; --soft: #5b6675; --line: #dfe4ea; --panel: #f6f8fa;
  --first: #2f6db5; --second: #d98a1f; --blocker: #b3261e; --warning: #8a5a00; --note: #2f6db5; }
@media (prefers-color-scheme: dark) { :root { --ground: #14181e; --ink: #e4e8ee; --soft: #9aa6b5; --line: #2b333d;
  --panel: #1b2129; --first: #6ea8ea; --second: #e5a84b; --blocker: #ff8a80; --warning: #f0c060; --note: #8fbcf0; } }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 62rem; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { margin: 2.5rem 0 .75rem; font-size: 1.2rem; } h3 { margin: 1.5rem 0 .25rem; font-size: 1rem; }
p { margin: .25rem 0; } .soft, figcaption, dt { color: var(--soft); }
.verdict { margin: 1rem 0; padding: .75rem 1rem; border-left: 4px solid var(--note); background: var(--panel); font-weight: 600; }
.verdict.blocked { border-color: var(--blocker); }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
article { margin: .75rem 0; padding: .75rem 1rem; border: 1px solid var(--line); border-left-width: 4px; border-radius: 4px; break-inside: avoid; }
article.blocker { border-left-color: var(--blocker); } article.warning { border-left-color: var(--warning); } article.note { border-left-color: var(--note); }
article h3 { margin: 0; font-family: ui-monospace, monospace; font-size: .9rem; }
article.blocker h3 { color: var(--blocker); } article.warning h3 { color: var(--warning); } article.note h3 { color: var(--note); }
dl { display: grid; grid-template-columns: 3.5rem 1fr; gap: .15rem .5rem; margin: .4rem 0 0; } dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 1rem 0; } svg { width: 100%; height: auto; max-width: 46rem; font: 12px system-ui, sans-serif; }
svg text { fill: var(--ink); } svg .figure { fill: var(--soft); } .first { fill: var(--first); } .second { fill: var(--second); }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; vertical-align: -1px; } .key.first { background: var(--first); } .key.second { background: var(--second); }
`;

/** `at`: when it was made, for the page's head. */
export function reportHtml(facts: Facts, report: PreflightReport, at: Date): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Ferry preflight</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>Ferry preflight</h1>
<p class="soft">${escapeHtml(at.toISOString())}, Ferry ${escapeHtml(VERSION)}</p>
<p class="verdict${report.ok ? '' : ' blocked'}">${escapeHtml(verdict(report))}</p>
</header>
<main>
${sides(facts)}
${SEVERITIES.map((severity) => section(severity, report.findings)).join('\n')}
${charts(facts)}
</main>
</body>
</html>
`;
}

function sides({ source, target }: Facts): string {
  const row = (name: string, of: (side: SideFacts) => string): string =>
    `<tr><th scope="row">${name}</th><td>${escapeHtml(of(source))}</td><td>${escapeHtml(of(target))}</td></tr>`;
  return `<h2>The two sides</h2>
<table>
<thead><tr><td></td><th scope="col">Source</th><th scope="col">Target</th></tr></thead>
<tbody>
${row('What', sideText)}
${row('Servers', ({ servers }) => servers.map(({ name }) => name).join(', '))}
${row('Memory used', (side) => bytes(sumOf(side, 'used_memory')))}
${row('maxmemory', ({ servers }) => servers.map((server) => bytes(numberField(server, 'maxmemory')).replace(/^0 B$/, 'no limit')).join(', '))}
${row('Clients', (side) => number(sumOf(side, 'connected_clients')))}
${row('Replicas', (side) => number(sumOf(side, 'connected_slaves')))}
${row('Commands per second', (side) => number(sumOf(side, 'instantaneous_ops_per_sec')))}
</tbody>
</table>`;
}

function section(severity: Severity, findings: readonly Finding[]): string {
  const found = findings.filter((finding) => finding.severity === severity);
  if (found.length === 0) return '';
  return `<h2>${TITLES[severity]} (${found.length})</h2>\n${found.map(article).join('\n')}`;
}

function article({ severity, code, message, evidence, fix }: Finding): string {
  return `<article class="${severity}"><h3>${escapeHtml(code)}</h3><p>${escapeHtml(message)}</p>
<dl><dt>Seen</dt><dd>${escapeHtml(evidence)}</dd><dt>Do</dt><dd>${escapeHtml(fix)}</dd></dl></article>`;
}

function charts(facts: Facts): string {
  const profile = profileOf(facts.sample);
  const commands = topCommands(facts, ROWS_MAX);
  const figures: string[] = [];
  if (profile.keys > 0) {
    figures.push(
      figure('Keys by type', 'of the sampled keys', typeRows(profile)),
      figure(
        'Keys by prefix, and their times to live',
        '<span class="key first"></span> with a time to live <span class="key second"></span> without',
        prefixRows(profile),
      ),
      figure('Times to live', 'how long the sampled keys have yet', ttlRows(profile)),
    );
    if (profile.hasSizes) {
      figures.push(
        figure('Memory by prefix', 'of the sampled keys', memoryRows(profile)),
        figure('Keys by size', 'and the memory that they take together', sizeRows(profile)),
      );
    }
  }
  if (commands.length > 0) {
    const rows = commands.map(([name, calls]) => ({
      label: name.toUpperCase().replace('|', ' '),
      value: calls,
      text: number(calls),
    }));
    figures.push(figure('Commands', 'calls since the source was started', rows));
  }
  if (figures.length === 0) return '';
  const { sample } = facts;
  return `<h2>What the source holds</h2>
<p class="soft">${number(sample.keys.length)} of ${number(sample.total)} keys were looked at.</p>
${figures.join('\n')}`;
}

/** `caption` is markup of this file. */
function figure(title: string, caption: string, rows: readonly Row[]): string {
  return `<figure><h3>${escapeHtml(title)}</h3><figcaption>${caption}</figcaption>${barChart(title, rows)}</figure>`;
}

function typeRows({ byType, keys }: Profile): Row[] {
  return [...byType]
    .sort(([, a], [, b]) => b.keys - a.keys)
    .map(([label, group]) => ({
      label,
      value: group.keys,
      text: `${number(group.keys)} (${percent(group.keys, keys)})`,
    }));
}

function prefixRows({ byPrefix, keys }: Profile): Row[] {
  return [...byPrefix].slice(0, ROWS_MAX).map(([label, group]) => ({
    label,
    value: group.keys,
    second: group.withoutTtl,
    text: `${percent(group.keys, keys)}, ${percent(group.withoutTtl, group.keys)} without`,
  }));
}

function memoryRows({ byPrefix, bytes: all }: Profile): Row[] {
  return [...byPrefix]
    .sort(([, a], [, b]) => b.bytes - a.bytes)
    .slice(0, ROWS_MAX)
    .map(([label, group]) => ({
      label,
      value: group.bytes,
      text: `${bytes(group.bytes)} (${percent(group.bytes, all)})`,
    }));
}

function ttlRows({ byTtl, keys }: Profile): Row[] {
  return byTtl.map(({ label, keys: value }) => ({
    label,
    value,
    second: label === 'none' ? value : 0,
    text: `${number(value)} (${percent(value, keys)})`,
  }));
}

function sizeRows({ bySize }: Profile): Row[] {
  return bySize.map(({ upTo, keys, bytes: size }, i) => ({
    label: Number.isFinite(upTo) ? `up to ${bytes(upTo)}` : `over ${bytes(bySize[i - 1]!.upTo)}`,
    value: keys,
    text: `${number(keys)}, together ${bytes(size)}`,
  }));
}
