/** The five phases as a line, what the guards say about the next steps, and the buttons for them. */
import type { RefObject } from 'preact';
import type { NextStep, Overview } from '../admin/control.js';
import { PHASES } from '../phases/phase.js';
import { Blockers } from './blockers.js';
import { type Plan, planAbort, planShare, planStep } from './plans.js';

interface Props {
  overview: Overview;
  headingRef: RefObject<HTMLHeadingElement | null>;
  onPlan: (plan: Plan) => void;
  /** what the last step came to */
  outcome: string;
}

export function PhaseCard({ overview, headingRef, onPlan, outcome }: Props) {
  const { status, steps } = overview;
  const { phase } = status;
  return (
    <section class="card wide" aria-labelledby="phase">
      <h2 id="phase" tabIndex={-1} ref={headingRef}>
        Phase: <span data-testid="phase">{phase}</span>
      </h2>
      <PhaseLine phase={phase} />
      <p>
        The <strong>{status.authority}</strong> is the truth
        {status.lastCutover !== null && (
          <>
            ; the last change of it ({status.lastCutover.from} → {status.lastCutover.to}) paused clients for{' '}
            <span data-testid="pause">{status.lastCutover.pauseMs}</span> ms
          </>
        )}
        .
        {phase === 'target-read' && (
          <>
            {' '}
            Reads of <span data-testid="share">{status.share}</span> % of the slots go to the target.
          </>
        )}
      </p>
      {outcome !== '' && <p class="outcome">{outcome}</p>}
      {steps.map((step) => (
        <Standing key={step.to} step={step} />
      ))}
      <div class="actions">
        {steps.map((step, i) => {
          const plan = planStep(step, phase, status.scope?.note ?? '');
          return (
            <button type="button" key={step.to} class={i === 0 ? 'primary' : ''} onClick={() => onPlan(plan)}>
              {plan.button}
            </button>
          );
        })}
        {phase === 'target-read' && (
          <button type="button" onClick={() => onPlan(planShare(status.share))}>
            {planShare(status.share).button}
          </button>
        )}
        {phase !== 'target-only' && phase !== 'source-only' && (
          <button type="button" class="danger" onClick={() => onPlan(planAbort(phase))}>
            Abort…
          </button>
        )}
      </div>
      {phase === 'target-only' && (
        <p>
          The migration is over. Point the application to <code>{status.target.url}</code>, then stop Ferry.
        </p>
      )}
    </section>
  );
}

function PhaseLine({ phase }: { phase: Overview['status']['phase'] }) {
  const at = PHASES.indexOf(phase);
  return (
    <ol class="line">
      {PHASES.map((name, i) => (
        <li key={name} class={i < at ? 'past' : i === at ? 'now' : 'next'} aria-current={i === at ? 'step' : undefined}>
          <span class="mark" aria-hidden="true">
            {i < at ? '✓' : i + 1}
          </span>
          {name}
          <span class="spoken">{i < at ? ' (passed)' : i === at ? ' (now)' : ' (not yet)'}</span>
        </li>
      ))}
    </ol>
  );
}

/** Nothing where nothing is in the way: what else there is, the dry run tells. */
function Standing({ step }: { step: NextStep }) {
  if (step.blockers.length === 0) return null;
  const name = step.step === 'forward' || step.step === 'back' ? step.to : `the ${step.step}`;
  return (
    <div class="standing">
      <h3>In the way of {name}</h3>
      <Blockers blockers={step.blockers} />
    </div>
  );
}
