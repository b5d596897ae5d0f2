/** The name, where Ferry listens, and whether what is shown is of now. */
import { token } from './api.js';
import { duration, timeOfDay } from './format.js';
import type { View } from './live.js';

export function TopBar({ view, onLock }: { view: View; onLock: () => void }) {
  const status = view.overview?.status;
  return (
    <header class="top">
      <h1>Ferry {status !== undefined && <small>{status.version}</small>}</h1>
      {status !== undefined && (
        <p class="facts">
          <span>
            clients connect to <code>{status.listen}</code>
          </span>
          <span>up {duration(status.uptimeSeconds)}</span>
        </p>
      )}
      <p class={`link link-${view.link}`} data-testid="link">
        {linkText(view)}
      </p>
      {view.link !== 'locked' && token.get() !== null && (
        <button type="button" class="quiet" onClick={onLock}>
          Forget token
        </button>
      )}
    </header>
  );
}

function linkText({ link, lostAt, problem }: View): string {
  switch (link) {
    case 'live':
      return '● Live';
    case 'lost':
      return `⚠ ${problem} Old values since ${timeOfDay(new Date(lostAt ?? 0).toISOString())}; trying again.`;
    case 'locked':
      return 'Locked';
    default:
      return 'Connecting …';
  }
}
