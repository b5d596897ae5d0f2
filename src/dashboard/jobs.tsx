/** Buttons that start or stop a job at once, and the refusal if there is one. */
import { useState } from 'preact/hooks';
import { ApiError, type Taken } from './api.js';
import { Blockers } from './blockers.js';

export interface Job {
  readonly label: string;
  readonly isPrimary?: boolean;
  readonly run: () => Promise<Taken>;
}

export function JobButtons({ jobs, onDone }: { jobs: readonly Job[]; onDone: () => void }) {
  const [refused, setRefused] = useState<Error | null>(null);
  const start = async (job: Job): Promise<void> => {
    try {
      await job.run();
      setRefused(null);
    } catch (error) {
      setRefused(error as Error);
    }
    onDone();
  };
  return (
    <>
      {jobs.map((job) => (
        <button type="button" key={job.label} class={job.isPrimary ? 'primary' : ''} onClick={() => start(job)}>
          {job.label}
        </button>
      ))}
      {refused !== null && (
        <div class="refusal" role="alert">
          {refused instanceof ApiError && refused.blockers.length > 0 ? (
            <Blockers blockers={refused.blockers} />
          ) : (
            refused.message
          )}
        </div>
      )}
    </>
  );
}
