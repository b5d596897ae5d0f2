/** How far the backfill is, how long it will take, and its buttons. */
import type { Status } from '../admin/control.js';
import { backfill } from './api.js';
import { Facts } from './facts.js';
import { count, duration, percent, rate } from './format.js';
import { type Job, JobButtons } from './jobs.js';
import { type Plan, planCancelBackfill, planRate } from './plans.js';

const MARKS = { idle: '○ not started', running: '▶ running', paused: '⏸ paused', done: '✓ done', failed: '✗ failed' };

interface Props {
  status: Status;
  onPlan: (plan: Plan) => void;
  onDone: () => void;
}

export function BackfillCard({ status, onPlan, onDone }: Props) {
  const mayRun = status.phase === 'dual-write' || status.phase === 'target-read';
  const { state, scanned, copied, failed, estimated, keysPerSecond, etaSeconds } = status.backfill;
  const share = state === 'done' ? 1 : estimated === 0 ? 0 : Math.min(1, scanned / estimated);
  return (
    <section class="card" aria-labelledby="backfill">
      <h2 id="backfill">
        Backfill: <span data-testid="backfill-state">{MARKS[state]}</span>
      </h2>
      <div class="progress">
        <span>
          {percent(share)}
          {etaSeconds !== null && state === 'running' && `, ${duration(etaSeconds)} left`}
        </span>
        <progress max={1} value={share} aria-label="Backfill" />
      </div>
      <Facts
        facts={[
          { name: 'looked at', value: `${count(scanned)} of about ${count(Math.max(estimated, scanned))}` },
          { name: 'copied', value: count(copied), id: 'copied' },
          { name: 'failed', value: count(failed) },
          { name: 'keys per second', value: rate(keysPerSecond) },
        ]}
      />
      <div class="actions">
        <JobButtons jobs={jobsFor(status)} onDone={onDone} />
        {mayRun && (
          <button type="button" onClick={() => onPlan(planRate(state))}>
            {planRate(state).button}
          </button>
        )}
        {(state === 'running' || state === 'paused') && (
          <button type="button" onClick={() => onPlan(planCancelBackfill())}>
            Cancel…
          </button>
        )}
      </div>
    </section>
  );
}

function jobsFor({ phase, backfill: { state } }: Status): Job[] {
  if (state === 'running') return [{ label: 'Pause', run: () => backfill('pause') }];
  if (state === 'paused') return [{ label: 'Resume', isPrimary: true, run: () => backfill('resume') }];
  if (phase !== 'dual-write' && phase !== 'target-read') return [];
  const label = state === 'idle' ? 'Start backfill' : 'Backfill again';
  return [{ label, isPrimary: state === 'idle', run: () => backfill('start') }];
}
