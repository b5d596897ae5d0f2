/**
 * One event-loop turn: whoever received work during it is resumed and flushed once at its end.
 *
 * Everything that became readable in a turn is parsed first; then, in one setImmediate, the waiting sessions are
 * resumed and every lane and session writes once. So a turn costs one system call per socket, however many
 * commands it carried.
 *
 * What nobody waits for may be patient: it leaves PATIENCE_MS after it was queued at the latest, together with what came
 * to it meanwhile.
 */
export interface Resumable {
  /** Guards against being queued twice. */
  resumeQueued: boolean;
  resume(): void;
}

export interface Flushable {
  flushQueued: boolean;
  flush(): void;
}

export interface Patient extends Flushable {
  waitQueued: boolean;
}

/** Turns are so short with few commands in each that a mirror would cost as many system calls as its authority. */
const PATIENCE_MS = 1;

class Turn {
  /** When bytes last came in (performance.now()): the time of everything that happens because of them. */
  nowMs = performance.now();
  private resumables: Resumable[] = [];
  private flushables: Flushable[] = [];
  private spareResumables: Resumable[] = [];
  private spareFlushables: Flushable[] = [];
  private scheduled = false;
  private readonly run = (): void => this.end();
  private readonly patient: Patient[] = [];
  private patientUntilMs = 0;
  /** Fires where no turn ends in time. */
  private timer: NodeJS.Timeout | null = null;
  private timerIsOn = false;

  /** `resume()` is called at the end of the turn, never from inside the caller's loop. */
  resumeLater(what: Resumable): void {
    if (what.resumeQueued) return;
    what.resumeQueued = true;
    this.resumables.push(what);
    this.schedule();
  }

  flushLater(what: Flushable): void {
    if (what.flushQueued) return;
    what.flushQueued = true;
    this.flushables.push(what);
    this.schedule();
  }

  flushSoon(what: Patient): void {
    if (what.waitQueued || what.flushQueued) return;
    what.waitQueued = true;
    if (this.patient.push(what) > 1) return;
    this.patientUntilMs = this.nowMs + PATIENCE_MS;
    if (this.timerIsOn) return;
    this.timerIsOn = true;
    if (this.timer === null) {
      this.timer = setTimeout(() => {
        this.timerIsOn = false;
        this.hurry();
      }, PATIENCE_MS);
    } else this.timer.refresh();
  }

  /** The patient wait no longer. */
  hurry(): void {
    const { patient } = this;
    for (let i = 0; i < patient.length; i++) {
      const p = patient[i]!;
      p.waitQueued = false;
      p.flush();
    }
    patient.length = 0;
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(this.run);
  }

  private end(): void {
    this.scheduled = false;
    const resumables = this.resumables;
    this.resumables = this.spareResumables;
    for (let i = 0; i < resumables.length; i++) {
      const r = resumables[i]!;
      r.resumeQueued = false;
      r.resume();
    }
    resumables.length = 0;
    this.spareResumables = resumables;

    const flushables = this.flushables;
    this.flushables = this.spareFlushables;
    for (let i = 0; i < flushables.length; i++) {
      const f = flushables[i]!;
      f.flushQueued = false;
      f.flush();
    }
    flushables.length = 0;
    this.spareFlushables = flushables;
    if (this.patient.length > 0 && this.nowMs >= this.patientUntilMs) this.hurry();
  }
}

/** The process has one event loop, so it has one turn. */
export const turn = new Turn();
