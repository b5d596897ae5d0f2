/**
 * Following a job of the running Ferry to its end, with its progress shown.
 */
import type { Status } from '../admin/control.js';
import type { AdminClient } from './client.js';
import { startProgress } from './progress.js';
import { backfillText, verifyText } from './status-text.js';

/** Until it is done, failed, paused or cancelled. */
export function followBackfill(client: AdminClient): Promise<Status> {
  return follow(
    client,
    'backfill',
    ({ backfill }) => backfill.state !== 'running',
    (status, show) => {
      show(status.backfill.scanned, status.backfill.estimated, backfillText(status));
    },
  );
}

/** Until it is done or failed. How many keys there are to compare is taken from the backfill. */
export function followVerify(client: AdminClient): Promise<Status> {
  return follow(
    client,
    'verify',
    ({ verify }) => verify.state !== 'running',
    (status, show) => {
      show(status.verify.compared, status.backfill.estimated - status.backfill.leftOut, verifyText(status));
    },
  );
}

async function follow(
  client: AdminClient,
  title: string,
  done: (status: Status) => boolean,
  show: (status: Status, update: (done: number, total: number, text: string) => void) => void,
): Promise<Status> {
  const progress = startProgress(title);
  try {
    return await client.until(done, (status) => show(status, progress.update.bind(progress)));
  } finally {
    progress.stop();
  }
}
