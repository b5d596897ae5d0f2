/**
 * At the end: what `ferry leave` says. Who still comes through Ferry, what each application must change, what to know
 * before, and the steps. Asked for anew every few seconds, as long as it is shown; a question that fails leaves what was
 * there.
 */
import { useEffect, useState } from 'preact/hooks';
import type { LeaveAnswer, LeaveNote, LeavingClients } from '../admin/control.js';
import { leaving } from './api.js';
import { count, duration } from './format.js';

const EVERY_MS = 3000;

export function LeaveCard() {
  const [answer, setAnswer] = useState<LeaveAnswer | null>(null);
  useEffect(() => {
    let isShown = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async (): Promise<void> => {
      const next = await leaving().catch(() => null);
      if (!isShown) return;
      if (next !== null) setAnswer(next);
      timer = setTimeout(() => void ask(), EVERY_MS);
    };
    void ask();
    return () => {
      isShown = false;
      clearTimeout(timer);
    };
  }, []);
  return (
    <section class="card wide" aria-labelledby="leave">
      <h2 id="leave">
        Taking Ferry out:{' '}
        <span data-testid="leave">{answer === null ? '…' : answer.ok ? '✓ it may go' : '✗ it must stay'}</span>
      </h2>
      {answer !== null && <Answer answer={answer} />}
    </section>
  );
}

function Answer({ answer }: { answer: LeaveAnswer }) {
  const { pointTo, reasons, clients, direct, changes, cautions, steps } = answer;
  const past = (['source', 'target'] as const).map((side) => `${direct[side] ?? 'unknown'} on the ${side}`);
  return (
    <>
      {reasons.map((reason) => (
        <p class="refusal" key={reason}>
          {reason}
        </p>
      ))}
      <p>
        The application goes to <code>{pointTo}</code>. Connected past Ferry: {past.join(', ')}.
      </p>
      <p>
        Connected through Ferry: <strong data-testid="leave-clients">{count(clients.connected)}</strong>, of which{' '}
        {count(clients.active)} sent something in the last {clients.activeWithinSeconds} s.
      </p>
      {clients.groups.length > 0 && <Groups clients={clients} />}
      <Notes head="What the application must change" notes={changes} />
      <Notes head="To be known before" notes={cautions} />
      <h3>How</h3>
      <ol class="steps">
        {steps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
    </>
  );
}

function Groups({ clients: { groups, moreGroups } }: { clients: LeavingClients }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
    <section class="scroll" tabIndex={0} aria-label="Clients that come through Ferry">
      <table>
        <caption>
          Clients that come through Ferry{moreGroups > 0 && `, without ${count(moreGroups)} smaller groups`}
        </caption>
        <thead>
          <tr>
            <th scope="col">name</th>
            <th scope="col">user</th>
            <th scope="col">from</th>
            <th scope="col">connected</th>
            <th scope="col">active</th>
            <th scope="col">waiting</th>
            <th scope="col">last heard</th>
          </tr>
        </thead>
        <tbody>
          {groups.map(({ name, user, host, connected, active, waiting, idleSeconds }) => (
            <tr key={JSON.stringify([name, user, host])}>
              <td>{name === '' ? '(none)' : name}</td>
              <td>{user}</td>
              <td>{host}</td>
              <td>{count(connected)}</td>
              <td>{count(active)}</td>
              <td>{count(waiting)}</td>
              <td>{duration(idleSeconds)} ago</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Notes({ head, notes }: { head: string; notes: readonly LeaveNote[] }) {
  if (notes.length === 0) return null;
  return (
    <>
      <h3>{head}</h3>
      <ul class="blockers">
        {notes.map(({ code, message }) => (
          <li key={code + message}>
            <code>{code}</code> {message}
          </li>
        ))}
      </ul>
    </>
  );
}
