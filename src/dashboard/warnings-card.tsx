/** What an operator should know now. */
import type { Overview } from '../admin/control.js';
import { warningsOf } from './warnings.js';

const MARKS = { problem: '✗ Problem', warning: '⚠ Warning', note: 'ℹ Note' };

export function WarningsCard({ overview }: { overview: Overview }) {
  const warnings = warningsOf(overview);
  return (
    <section class="card wide" aria-labelledby="warnings">
      <h2 id="warnings">{warnings.length === 0 ? 'No warnings' : `Warnings (${warnings.length})`}</h2>
      {warnings.length > 0 && (
        <ul class="warnings">
          {warnings.map(({ level, text }) => (
            <li key={text} class={level}>
              <strong>{MARKS[level]}:</strong> {text}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
