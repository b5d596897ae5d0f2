/**
 * The page as a whole: what is shown when, who tells screen readers what has changed, and the one dialog.
 *
 * Steps can be asked for while Ferry is away: the dialog says that it is. Numbers change every second and are silent. Spoken (a polite live region) are a new phase, the end of a backfill or a
 * verification, a lost and a found connection.
 */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { Overview } from '../admin/control.js';
import { BackfillCard } from './backfill-card.js';
import { useKeptFocus } from './kept-focus.js';
import { LeaveCard } from './leave-card.js';
import type { Live, View } from './live.js';
import { MirrorCard } from './mirror-card.js';
import { PhaseCard } from './phase-card.js';
import type { Plan } from './plans.js';
import { ServersCard } from './servers-card.js';
import { SignIn } from './sign-in.js';
import { StepDialog } from './step-dialog.js';
import { TopBar } from './top-bar.js';
import { TrafficCharts, TrafficTop } from './traffic.js';
import { VerifyCard } from './verify-card.js';
import { WarningsCard } from './warnings-card.js';

/** Two of the same text in a row are two pieces of news. */
interface News {
  readonly at: number;
  readonly text: string;
}

export function App({ live }: { live: Live }) {
  const [view, setView] = useState(live.view);
  const [plan, setPlan] = useState<Plan | null>(null);
  const [outcome, setOutcome] = useState('');
  const [spoken, setSpoken] = useState<readonly News[]>([]);
  const say = useCallback((text: string) => setSpoken((before) => [...before.slice(-2), { at: Date.now(), text }]), []);
  const phaseHeading = useRef<HTMLHeadingElement>(null);
  useEffect(() => live.subscribe(setView), [live]);
  useNews(view, say);
  useKeptFocus();

  const { overview, samples, link } = view;
  const closeDialog = (done: string | null): void => {
    setPlan(null);
    if (done === null) return;
    setOutcome(done);
    say(done);
    void live.refresh();
    // the button that opened it may not be there any more
    requestAnimationFrame(() => phaseHeading.current?.focus());
  };

  return (
    <>
      <TopBar view={view} onLock={() => live.lock()} />
      <div class="spoken" role="status" aria-live="polite">
        {spoken.map(({ at, text }) => (
          <p key={`${at} ${text}`}>{text}</p>
        ))}
      </div>
      <main>
        {link === 'locked' && <SignIn problem={view.problem} onToken={(value) => live.unlock(value)} />}
        {link !== 'locked' && overview === null && <p class="empty">Asking Ferry …</p>}
        {link !== 'locked' && overview !== null && (
          <div class={link === 'live' ? 'grid' : 'grid stale'}>
            <PhaseCard overview={overview} headingRef={phaseHeading} onPlan={setPlan} outcome={outcome} />
            {overview.status.phase === 'target-only' && <LeaveCard />}
            <WarningsCard overview={overview} />
            <TrafficCharts samples={samples} />
            <MirrorCard overview={overview} samples={samples} />
            <BackfillCard status={overview.status} onPlan={setPlan} onDone={() => live.refresh()} />
            <VerifyCard status={overview.status} onDone={() => live.refresh()} />
            <ServersCard overview={overview} />
            <TrafficTop overview={overview} />
          </div>
        )}
      </main>
      {plan !== null && <StepDialog plan={plan} onClose={closeDialog} />}
    </>
  );
}

/** Says what has become different since the last view. */
function useNews(view: View, say: (text: string) => void): void {
  const before = useRef<View | null>(null);
  useEffect(() => {
    const news = newsBetween(before.current, view);
    before.current = view;
    if (news !== '') say(news);
    const phase = view.overview?.status.phase;
    document.title = phase === undefined ? 'Ferry' : `${phase} · Ferry`;
  }, [view, say]);
}

function newsBetween(before: View | null, now: View): string {
  if (before === null) return '';
  if (now.link === 'lost' && before.link === 'live') return 'The connection to Ferry is lost. It is tried again.';
  const news = now.link === 'live' && before.link === 'lost' ? ['Ferry answers again.'] : [];
  if (before.overview !== null && now.overview !== null) news.push(...changes(before.overview, now.overview));
  return news.join(' ');
}

function changes({ status: a }: Overview, { status: b }: Overview): string[] {
  const news: string[] = [];
  if (a.phase !== b.phase) news.push(`The phase is now ${b.phase}.`);
  if (a.backfill.state === 'running' && b.backfill.state === 'done') news.push('The backfill is done.');
  if (a.backfill.state === 'running' && b.backfill.state === 'failed') news.push('The backfill failed.');
  if (a.verify.state === 'running' && b.verify.state === 'done') {
    news.push(b.verify.clean ? 'The verification found no difference.' : 'The verification is not clean.');
  }
  return news;
}
