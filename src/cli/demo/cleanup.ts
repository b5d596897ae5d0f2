/**
 * What must not outlive the demo: processes and directories, undone in reverse order, on every way out.
 *
 * `run` is the orderly way. Should the process end without it (a second Ctrl-C, a crash), `exit` still kills what was
 * registered and removes the directories, at once.
 */
import { rmSync } from 'node:fs';

type Undo = () => void | Promise<void>;

export class Cleanup {
  private readonly undos: Undo[] = [];
  private readonly lastResorts = new Set<() => void>();
  private readonly onExit = (): void => {
    for (const lastResort of [...this.lastResorts].reverse()) lastResort();
  };

  constructor() {
    process.once('exit', this.onExit);
  }

  /** `lastResort` must be synchronous and harmless when `undo` ran before. */
  add(undo: Undo, lastResort: () => void): void {
    this.lastResorts.add(lastResort);
    this.undos.push(async () => {
      await undo();
      this.lastResorts.delete(lastResort);
    });
  }

  addDirectory(path: string): void {
    const remove = (): void => rmSync(path, { recursive: true, force: true, maxRetries: 3 });
    this.add(remove, remove);
  }

  async run(): Promise<void> {
    for (let undo = this.undos.pop(); undo !== undefined; undo = this.undos.pop()) {
      // one that fails must not keep the others from being tried; the last resort is still there for it
      await Promise.resolve()
        .then(undo)
        .catch(() => {});
    }
    if (this.lastResorts.size === 0) process.off('exit', this.onExit);
  }
}
