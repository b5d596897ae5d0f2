/** What the last verification found, with the differing keys, and its buttons. */
import { useEffect, useState } from 'preact/hooks';
import type { Status } from '../admin/control.js';
import { type FoundDifference, firstDifferences, verify } from './api.js';
import { Facts } from './facts.js';
import { count, keyText, timeOfDay } from './format.js';
import { JobButtons } from './jobs.js';

const SHOWN = 100;
const KINDS = {
  missing: 'missing on the mirror',
  extra: 'only on the mirror',
  type: 'of another type',
  value: 'of another value',
  ttl: 'of another TTL',
};

export function VerifyCard({ status, onDone }: { status: Status; onDone: () => void }) {
  const { state, compared, differences, clean, finishedAt, evicted, uncompared } = status.verify;
  const total = Object.values(differences).reduce((sum, n) => sum + n, 0);
  const isMirrored = status.phase !== 'source-only' && status.phase !== 'target-only';
  return (
    <section class="card" aria-labelledby="verify">
      <h2 id="verify">
        Verification: <span data-testid="verify-state">{verdict(state, clean, total)}</span>
      </h2>
      <Facts
        facts={[
          { name: 'keys compared', value: count(compared), id: 'compared' },
          ...Object.entries(KINDS).map(([kind, name]) => ({
            name,
            value: count(differences[kind as keyof typeof KINDS]),
            id: `differences-${kind}`,
          })),
          ...(uncompared > 0 ? [{ name: 'too big and too busy to be compared', value: count(uncompared) }] : []),
          ...(evicted > 0 ? [{ name: 'evicted on one side', value: count(evicted) }] : []),
          ...(finishedAt === null ? [] : [{ name: 'finished at', value: timeOfDay(finishedAt) }]),
        ]}
      />
      {isMirrored && (
        <div class="actions">
          <JobButtons
            jobs={[
              { label: 'Verify', isPrimary: total === 0, run: () => verify(false) },
              { label: 'Verify and repair', isPrimary: total > 0, run: () => verify(true) },
            ]}
            onDone={onDone}
          />
        </div>
      )}
      {total > 0 && <Differences total={total} version={`${finishedAt} ${total}`} />}
    </section>
  );
}

function verdict(state: Status['verify']['state'], clean: boolean | null, total: number): string {
  if (state === 'running') return '▶ running';
  if (state === 'failed') return '✗ not finished';
  if (clean === null) return '○ not done';
  if (clean) return '✓ no difference';
  return total > 0 ? `✗ ${count(total)} differ` : '✗ not all compared';
}

/** `version`: they are asked for again when it is another one. */
function Differences({ total, version }: { total: number; version: string }) {
  const [found, setFound] = useState<FoundDifference[]>([]);
  useEffect(() => {
    let isCurrent = true;
    firstDifferences(SHOWN).then(
      (rows) => {
        if (isCurrent) setFound(rows);
      },
      () => {}, // the next version asks again
    );
    return () => {
      isCurrent = false;
    };
  }, [version]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
    <section class="scroll" tabIndex={0} aria-label="Differing keys">
      <table>
        <caption>
          {total > found.length ? `The first ${count(found.length)} of ${count(total)} differences` : 'Differing keys'}
        </caption>
        <thead>
          <tr>
            <th scope="col">db</th>
            <th scope="col">key</th>
            <th scope="col">what differs</th>
            <th scope="col">how</th>
          </tr>
        </thead>
        <tbody>
          {found.map(({ db, key, kind, detail }) => (
            <tr key={`${db} ${JSON.stringify(key)} ${kind}`}>
              <td>{db}</td>
              <td>
                <code>{keyText(key)}</code>
              </td>
              <td>{kind}</td>
              <td>{detail}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
