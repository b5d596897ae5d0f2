/** What stands in the way, each with its code and what to do. */
import type { Blocker } from '../admin/control.js';

export function Blockers({ blockers }: { blockers: readonly Blocker[] }) {
  return (
    <ul class="blockers">
      {blockers.map(({ code, message }) => (
        <li key={code + message}>
          <code>{code}</code> {message}
        </li>
      ))}
    </ul>
  );
}
