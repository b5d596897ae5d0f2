/** `ferry report --html FILE`: the record of the migration as one page that needs nothing else. Pure. */
import type { MigrationReport } from '../admin/control.js';
import { actorText, passedText, pausesText, sinceText } from './report-text.js';
import { statusText } from './status-text.js';

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark; }
  table { border-collapse: collapse; width: 100%; }
  th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8886; vertical-align: top; }
  pre { overflow-x: auto; padding: 1rem; border: 1px solid #8886; border-radius: .5rem; }
  .forced { font-weight: 600; }`;

export function reportHtml(report: MigrationReport): string {
  const { source, target, phases, forced, cutovers, pauses, verifications, traffic, history, risks, status } = report;
  const risksHtml =
    risks.length === 0 ? '<p>None known.</p>' : `<ul>${risks.map((risk) => `<li>${safe(risk)}</li>`).join('')}</ul>`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Migration from ${safe(source)} to ${safe(target)}</title>
<style>${STYLE}</style>
<h1>Migration from ${safe(source)} to ${safe(target)}</h1>
<p>Ferry ${safe(report.version)}, written ${safe(report.writtenAt)}; this process runs since ${safe(report.startedAt)}.</p>
<h2>Phases</h2>
${table(
  ['when', 'phase', 'epoch', 'who', ''],
  phases.map(({ at, phase, epoch, forced, by }) => [
    at,
    phase,
    String(epoch),
    actorText(by),
    forced ? '<span class="forced">forced</span>' : '',
  ]),
  4,
)}
<h2>Forced steps</h2>
${table(
  ['when', 'what', 'who', 'past'],
  forced.map(({ at, event, by, passed }) => [at, event, actorText(by), passedText(passed)]),
)}
<h2>Swaps of the authority</h2>
${table(
  ['when', 'from', 'to', 'clients waited', 'who'],
  cutovers.map(({ at, from, to, pauseMs, by }) => [at, from, to, `${pauseMs.toFixed(1)} ms`, actorText(by)]),
)}
<p>All pauses, those of the dry runs since this Ferry started too: ${safe(pausesText(pauses))}.</p>
<h2>Verifications</h2>
${table(
  ['when', 'result'],
  verifications.map(({ at, result }) => [at, result]),
)}
<h2>Commands and bytes</h2>
<p>Over Ferry's connections, ${safe(sinceText(traffic))}. Commands sent are those of clients, of the mirror, and of backfill, repair and
verification.</p>
${table(
  ['side', 'commands sent', 'of clients, answered', 'bytes to it', 'bytes from it'],
  (['source', 'target'] as const).map((side) => {
    const { answered, commands, bytesOut, bytesIn } = traffic[side];
    return [side, String(commands), String(answered), String(bytesOut), String(bytesIn)];
  }),
)}
<h2>Not covered, or to be known</h2>
${risksHtml}
<h2>Everything that was noted</h2>
${table(
  ['when', 'what', 'who'],
  history.map(({ at, event, by }) => [at, event, actorText(by)]),
)}
<h2>Now</h2>
<pre>${safe(statusText(status))}</pre>
</html>
`;
}

/** `markup`: the column that is markup already. */
function table(heads: readonly string[], rows: readonly (readonly string[])[], markup = -1): string {
  if (rows.length === 0) return '<p>None.</p>';
  const head = heads.map((text) => `<th scope="col">${safe(text)}</th>`).join('');
  const body = rows.map(
    (row) => `<tr>${row.map((cell, i) => `<td>${i === markup ? cell : safe(cell)}</td>`).join('')}</tr>`,
  );
  return `<table><thead><tr>${head}</tr></thead><tbody>${body.join('\n')}</tbody></table>`;
}

function safe(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
