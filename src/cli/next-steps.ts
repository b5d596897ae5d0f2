/** What an operator does next, and what takes the last step back: as `ferry status` and every step say it. */
import type { Status } from '../admin/control.js';

export interface NextSteps {
  readonly next: string;
  readonly undo: string;
}

/** As two lines of a status. */
export function nextStepsText(status: Status): string[] {
  const { next, undo } = nextSteps(status);
  return [`next      ${next}`, `undo      ${undo}`];
}

function nextSteps({ phase, listen, clients, backfill, verify }: Status): NextSteps {
  switch (phase) {
    case 'source-only':
      return {
        next:
          clients.connected === 0
            ? `point one instance of the application at ${listen} — ferry status --watch shows its latency`
            : 'ferry migrate --until target-read, when every instance uses Ferry — or ferry phase dual-write alone',
        undo: 'point the application at the source again',
      };
    case 'dual-write':
      return { next: towardsTargetReads(backfill.state, verify), undo: 'ferry phase source-only' };
    case 'target-read':
      return {
        next:
          verify.clean === true
            ? 'ferry cutover --dry-run — how long would clients wait? Then ferry cutover'
            : 'ferry verify --wait — a cutover needs both sides equal',
        undo: 'ferry phase dual-write',
      };
    case 'target-first':
      return {
        next: 'ferry finalize — when the target has proven itself; the source is not written any more then, for good',
        undo: 'ferry rollback — the source has everything',
      };
    case 'target-only':
      return {
        next: 'ferry report, then ferry leave — how Ferry is taken out',
        undo: 'none — the source is not written any more',
      };
  }
}

function towardsTargetReads(backfill: Status['backfill']['state'], verify: Status['verify']): string {
  switch (backfill) {
    case 'running':
      return 'wait for the backfill — ferry status --watch';
    case 'paused':
      return 'ferry backfill resume --wait';
    case 'done':
      break;
    default:
      return 'ferry backfill start --wait — what was there before is copied';
  }
  if (verify.state === 'running') return 'wait for the verification — ferry status --watch';
  if (verify.clean === null) return 'ferry verify --wait — every key of both sides is compared';
  if (verify.clean === false) return 'ferry verify --repair --wait, then ferry verify --wait';
  return 'ferry phase target-read — reads move to the target (with --share 10 a tenth of them)';
}
