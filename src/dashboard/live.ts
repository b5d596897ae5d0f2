/**
 * What is known of the running Ferry, asked for once a second. Survives that Ferry is away or starts again: what was known
 * last stays, marked as old, until it answers.
 *
 *   connecting   nothing came yet
 *   live         the last answer was one
 *   lost         the last question was not answered; it is asked again and again
 *   locked       Ferry wants a token, or another one; nothing is asked until it is given
 */
import type { Overview, Sample } from '../admin/control.js';
import { ApiError, overviewSince, token } from './api.js';

const EVERY_MS = 1000;
/** As many as Ferry keeps. */
const KEPT_SAMPLES = 300;

export interface View {
  readonly link: 'connecting' | 'live' | 'lost' | 'locked';
  /** why it is lost or locked */
  readonly problem: string;
  /** ms since 1970; null while it is not lost */
  readonly lostAt: number | null;
  readonly overview: Overview | null;
  /** of the last minutes, oldest first */
  readonly samples: readonly Sample[];
}

export class Live {
  view: View = { link: 'connecting', problem: '', lostAt: null, overview: null, samples: [] };
  private readonly listeners = new Set<(view: View) => void>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Of the newest question: an older one's answer is dropped. */
  private asked = 0;

  subscribe(listener: (view: View) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Asks now, and from then on once a second. */
  async refresh(): Promise<void> {
    clearTimeout(this.timer);
    const question = ++this.asked;
    const view = await this.ask();
    if (question !== this.asked) return;
    this.show(view);
    if (view.link !== 'locked') this.timer = setTimeout(() => void this.refresh(), EVERY_MS);
  }

  unlock(value: string): Promise<void> {
    token.set(value);
    return this.refresh();
  }

  lock(): void {
    token.forget();
    this.asked++;
    clearTimeout(this.timer);
    this.show({ link: 'locked', problem: '', lostAt: null, overview: null, samples: [] });
  }

  private async ask(): Promise<View> {
    const { view } = this;
    try {
      const overview = await overviewSince(view.samples.at(-1)?.at ?? 0);
      const samples = [...view.samples, ...overview.samples].slice(-KEPT_SAMPLES);
      return { link: 'live', problem: '', lostAt: null, overview, samples };
    } catch (error) {
      const problem = (error as Error).message;
      if (error instanceof ApiError && error.code === 401) {
        const wasWrong = token.get() !== null;
        token.forget();
        return { ...view, link: 'locked', problem: wasWrong ? problem : '', lostAt: null };
      }
      return { ...view, link: 'lost', problem, lostAt: view.lostAt ?? Date.now() };
    }
  }

  private show(view: View): void {
    this.view = view;
    for (const listener of this.listeners) listener(view);
  }
}
