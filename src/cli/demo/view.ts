/**
 * What the demo shows while it runs, on stderr: one line per finished step, and on a terminal a progress bar for the
 * one that runs.
 */
import { SingleBar } from 'cli-progress';

export interface Step {
  /** `total` may change; `text` says in words how far it is */
  update(done: number, total: number, text: string): void;
  done(summary: string): void;
}

export class View {
  private current: RunningStep | null = null;

  constructor(private readonly stream: NodeJS.WriteStream = process.stderr) {}

  begin(title: string): Step {
    this.end();
    this.current = new RunningStep(title, this.stream);
    return this.current;
  }

  tell(line: string): void {
    this.end();
    this.stream.write(`  ${line}\n`);
  }

  /** Takes an unfinished step's bar away, so that an error can be printed. */
  end(): void {
    this.current?.clear();
    this.current = null;
  }
}

const TITLE_COLUMNS = 44;

class RunningStep implements Step {
  private readonly startedAtMs = Date.now();
  private bar: SingleBar | null = null;

  constructor(
    private readonly title: string,
    private readonly stream: NodeJS.WriteStream,
  ) {
    if (stream.isTTY) this.update(0, 1, '');
  }

  update(done: number, total: number, text: string): void {
    if (!this.stream.isTTY) return;
    if (this.bar === null) {
      const format = `  ${this.title.padEnd(TITLE_COLUMNS)} {bar} {percentage} %  {text}`;
      this.bar = new SingleBar({
        stream: this.stream,
        format,
        barsize: 20,
        hideCursor: true,
        clearOnComplete: true,
        gracefulExit: false,
      });
      this.bar.start(1, 0, { text });
    }
    this.bar.setTotal(Math.max(total, done, 1));
    this.bar.update(done, { text });
  }

  done(summary: string): void {
    this.clear();
    const seconds = ((Date.now() - this.startedAtMs) / 1000).toFixed(1).padStart(6);
    this.stream.write(`✔ ${this.title.padEnd(TITLE_COLUMNS)} ${seconds} s  ${summary}\n`);
  }

  clear(): void {
    this.bar?.stop();
    this.bar = null;
  }
}
