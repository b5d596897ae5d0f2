/**
 * How far a job is: a bar on a terminal, a plain line every two seconds elsewhere, always on stderr.
 */
import { SingleBar } from 'cli-progress';

export interface Progress {
  update(done: number, total: number, text: string): void;
  stop(): void;
}

const PLAIN_EVERY_MS = 2000;

/** Without a known end there is no bar. */
export function startProgress(title: string, hasEnd = true, stream: NodeJS.WriteStream = process.stderr): Progress {
  return stream.isTTY && hasEnd ? new BarProgress(title, stream) : new PlainProgress(title, stream);
}

class BarProgress implements Progress {
  private readonly bar: SingleBar;

  constructor(title: string, stream: NodeJS.WriteStream) {
    this.bar = new SingleBar({ stream, format: `${title.padEnd(9)} {bar} {percentage} %  {text}`, hideCursor: true });
    this.bar.start(1, 0, { text: '' });
  }

  update(done: number, total: number, text: string): void {
    this.bar.setTotal(Math.max(total, done, 1));
    this.bar.update(done, { text });
  }

  stop(): void {
    this.bar.stop();
  }
}

class PlainProgress implements Progress {
  private readonly title: string;
  private readonly stream: NodeJS.WritableStream;
  private toldAtMs = 0;
  private pending = '';

  constructor(title: string, stream: NodeJS.WritableStream) {
    this.title = title;
    this.stream = stream;
  }

  update(_done: number, _total: number, text: string): void {
    this.pending = text;
    if (Date.now() - this.toldAtMs >= PLAIN_EVERY_MS) this.tell();
  }

  stop(): void {
    if (this.pending !== '') this.tell();
  }

  private tell(): void {
    this.stream.write(`${this.title}: ${this.pending}\n`);
    this.pending = '';
    this.toldAtMs = Date.now();
  }
}
