/**
 * One step, asked for in earnest: what it does and how it is undone; a dry run with its blockers or its measured pause;
 * where there is something to choose a number, where it matters a word to type; then the step itself.
 *
 *   checking   the dry run is under way (with nothing to check: skipped)
 *   blocked    it, or the step, was refused: the blockers are shown
 *   ready      waits for the word and the click
 *   working    the step is under way
 *
 * Once clients past Ferry stood in the way there is a field to name those that may stay, until the dialog is closed; other names
 * want another check.
 *
 * A modal <dialog>: the browser keeps the focus inside, Escape closes it, and the focus goes back to the button.
 */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Blocker } from '../admin/control.js';
import { ApiError, type Taken } from './api.js';
import { Blockers } from './blockers.js';
import type { NumberField, Plan } from './plans.js';

type Blocked = { name: 'blocked'; error: string; blockers: readonly Blocker[] };
type State = { name: 'checking' } | Blocked | { name: 'ready'; found: string } | { name: 'working' };

const UNCHECKED: Blocked = { name: 'blocked', error: 'With other names it is to be checked again.', blockers: [] };

export function StepDialog({ plan, onClose }: { plan: Plan; onClose: (outcome: string | null) => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const [state, setState] = useState<State>({ name: 'checking' });
  const [typed, setTyped] = useState('');
  const { field } = plan;
  const [named, setNamed] = useState('');
  const [asksForNames, setAsksForNames] = useState(false);
  const namesInput = useRef<HTMLInputElement>(null);
  const known = named.split(',').flatMap((name) => name.trim() || []);
  const [chosen, setChosen] = useState(String(field?.value ?? ''));
  const isWordRight = plan.word === null || typed.trim().toLowerCase() === plan.word;
  const isNumberRight = field === undefined || isWithin(chosen, field);

  /** Closed while it is still there: only so does the browser give the focus back to the button that opened it. */
  const leave = (outcome: string | null): void => {
    dialog.current?.close();
    onClose(outcome);
  };
  const check = async (): Promise<void> => {
    setState({ name: 'checking' });
    try {
      setState({ name: 'ready', found: foundText(plan.check === null ? null : await plan.check(known)) });
      input.current?.focus();
    } catch (error) {
      refuse(error);
    }
  };
  const refuse = (error: unknown): void => {
    const refused = refusal(error);
    setState(refused);
    if (refused.blockers.some(({ code }) => code.startsWith('direct-clients'))) {
      setAsksForNames(true);
      namesInput.current?.focus();
    }
  };
  const act = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (state.name !== 'ready' || !isWordRight || !isNumberRight) return;
    setState({ name: 'working' });
    try {
      leave(
        `${plan.title}: done. ${takenText(await plan.act(field === undefined ? undefined : Number(chosen), known))}`.trim(),
      );
    } catch (error) {
      refuse(error);
    }
  };
  useEffect(() => {
    dialog.current?.showModal();
    void check();
  }, []);
  useEffect(() => {
    if (asksForNames) namesInput.current?.focus();
  }, [asksForNames]);
  const mayClose = state.name !== 'working';

  return (
    <dialog
      ref={dialog}
      aria-labelledby="dialog-title"
      aria-describedby="dialog-what"
      onCancel={(event) => {
        event.preventDefault();
        if (mayClose) leave(null);
      }}
      onKeyDown={(event) => {
        // a second Escape would close it whatever onCancel says
        if (event.key === 'Escape' && !mayClose) event.preventDefault();
      }}
    >
      <form onSubmit={act}>
        <h2 id="dialog-title">{plan.title}</h2>
        <p id="dialog-what">{plan.what}</p>
        <p>{plan.undo}</p>
        <div aria-live="polite" class="check" data-testid="check">
          {state.name === 'checking' && <p>Dry run …</p>}
          {state.name === 'working' && <p>Under way …</p>}
          {state.name === 'ready' && state.found !== '' && <p class="good">✓ {state.found}</p>}
          {state.name === 'blocked' && (
            <>
              <p class="refusal">✗ {state.error}</p>
              <Blockers blockers={state.blockers} />
            </>
          )}
        </div>
        {asksForNames && (
          <label>
            <span>May stay connected past Ferry: names, users or addresses, with commas (* for all)</span>
            <input
              ref={namesInput}
              type="text"
              autocomplete="off"
              autocapitalize="none"
              spellcheck={false}
              readOnly={state.name === 'checking' || state.name === 'working'}
              value={named}
              onInput={(event) => {
                setNamed(event.currentTarget.value);
                if (state.name === 'ready') setState(UNCHECKED);
              }}
              onKeyDown={(event) => {
                if (event.key !== 'Enter' || state.name === 'working') return;
                event.preventDefault();
                void check();
              }}
            />
          </label>
        )}
        {field !== undefined && state.name !== 'blocked' && (
          <label>
            <span>
              {field.label}, {field.min} to {field.max}
            </span>
            <input
              type="number"
              required
              min={field.min}
              max={field.max}
              step={1}
              value={chosen}
              onInput={(event) => setChosen(event.currentTarget.value)}
            />
          </label>
        )}
        {plan.word !== null && state.name !== 'blocked' && (
          <label>
            <span>
              Type <strong>{plan.word}</strong> to confirm
            </span>
            <input
              ref={input}
              type="text"
              autocomplete="off"
              autocapitalize="none"
              spellcheck={false}
              value={typed}
              onInput={(event) => setTyped(event.currentTarget.value)}
            />
          </label>
        )}
        <div class="actions">
          <button type="button" disabled={!mayClose} onClick={() => leave(null)}>
            Leave it
          </button>
          {state.name === 'blocked' ? (
            <button type="button" onClick={check}>
              Check again
            </button>
          ) : (
            <button type="submit" class="primary" disabled={state.name !== 'ready' || !isWordRight || !isNumberRight}>
              {plan.title}
            </button>
          )}
        </div>
      </form>
    </dialog>
  );
}

function isWithin(text: string, { min, max }: NumberField): boolean {
  return /^\d+$/.test(text) && Number(text) >= min && Number(text) <= max;
}

function foundText(taken: Taken | null): string {
  if (taken === null) return '';
  const pause = taken.pauseMs === undefined ? '' : ` Clients waited ${taken.pauseMs} ms for the dry run.`;
  return `Nothing stands in the way.${pause}`;
}

function takenText({ pauseMs, note }: Taken): string {
  const pause = pauseMs === undefined ? '' : `Clients waited ${pauseMs} ms. `;
  return `${pause}${note ?? ''}`;
}

function refusal(error: unknown): Blocked {
  const blockers = error instanceof ApiError ? error.blockers : [];
  return { name: 'blocked', error: (error as Error).message, blockers };
}
