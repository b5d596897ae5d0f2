/**
 * Ferry as the demo sees it: a child process that is driven by its public admin API alone.
 *
 * Steps are asked for until they are taken: a refusal whose reason passes by itself (keys that are just being repaired)
 * is no failure, one that stays for STEP_TIMEOUT_MS is.
 */
import { join } from 'node:path';
import type { Status } from '../../admin/control.js';
import type { PhaseName } from '../../config/config.js';
import { AdminClient, Refused } from '../client.js';
import { refusalText } from '../output.js';
import { Child } from './child.js';
import type { Cleanup } from './cleanup.js';
import { freePort } from './redis.js';
import { sleep, Timeout, until } from './waiting.js';

const START_TIMEOUT_MS = 30_000;
const STEP_TIMEOUT_MS = 30_000;
const SETTLE_TIMEOUT_MS = 60_000;
const POLL_MS = 200;

export class FerryProcess {
  private constructor(
    readonly child: Child,
    readonly url: string,
    readonly admin: AdminClient,
  ) {}

  /** Started, not yet ready. */
  static async start(options: {
    packageRoot: string;
    source: string;
    target: string;
    /** more of `ferry serve` */
    args: readonly string[];
    stateDir: string;
    logFile: string;
    cleanup: Cleanup;
  }): Promise<FerryProcess> {
    const { packageRoot, source, target, stateDir, logFile, cleanup } = options;
    const [port, adminPort] = [await freePort(), await freePort()];
    // the demo's own tests put another program in Ferry's place, to see it convicted
    const script = process.env.FERRY_DEMO_SCRIPT ?? join(packageRoot, 'bin', 'ferry.js');
    const args = [script, 'serve', '--source', source, '--target', target];
    args.push(
      '--listen',
      `127.0.0.1:${port}`,
      '--admin',
      `127.0.0.1:${adminPort}`,
      '--state-dir',
      stateDir,
      ...options.args,
    );
    const child = new Child('Ferry', process.execPath, args, { env: withoutFerryVariables(), logFile }, cleanup);
    return new FerryProcess(
      child,
      `redis://127.0.0.1:${port}`,
      new AdminClient(`127.0.0.1:${adminPort}`, undefined, 'ferry demo'),
    );
  }

  async ready(): Promise<void> {
    const serving = until('Ferry is ready', START_TIMEOUT_MS, async () => {
      const answer = await fetch(`${this.admin.url}/readyz`).catch(() => null);
      return answer?.ok === true || !this.child.running;
    });
    await Promise.race([this.child.ended, serving]);
  }

  /** One step to a phase; the answer is the status after it. `remedy` may do something about a refusal: true if so. */
  async step(to: PhaseName, remedy: (refused: Refused) => Promise<boolean> = async () => false): Promise<Status> {
    let deadlineMs = Date.now() + STEP_TIMEOUT_MS;
    for (;;) {
      try {
        return await this.admin.changePhase({ to });
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (Date.now() > deadlineMs) throw new Timeout(`${to}: ${refusalText(error)}`);
        if (await remedy(error)) deadlineMs = Date.now() + STEP_TIMEOUT_MS;
        await sleep(POLL_MS);
      }
    }
  }

  /** Starts the backfill, or lets it go on, and follows it until `seen` returns true or it is over. */
  async backfill(seen: (status: Status) => boolean): Promise<Status> {
    const { backfill } = await this.admin.status();
    await this.admin.backfill(backfill.state === 'paused' ? 'resume' : 'start');
    let stop = false;
    return this.admin.until(
      (status) => stop || status.backfill.state !== 'running',
      (status) => {
        stop = seen(status);
      },
    );
  }

  /** One whole verification. */
  async verify(repair: boolean, seen: (status: Status) => void): Promise<Status> {
    const before = (await this.admin.status()).verify.finishedAt;
    await this.admin.verify(repair);
    const isOver = ({ verify }: Status): boolean =>
      verify.state === 'failed' || verify.state === 'idle' || (verify.state === 'done' && verify.finishedAt !== before);
    return this.admin.until(isOver, seen);
  }

  /** Until the mirror has everything: no operation on its way, no key to repair. */
  async settled(): Promise<void> {
    await until('the mirror has caught up', SETTLE_TIMEOUT_MS, async () => {
      const { backlogOps, dirtyKeys, dirtySlots, uncertain } = (await this.admin.status()).mirror;
      return backlogOps + dirtyKeys + dirtySlots + uncertain === 0;
    });
  }
}

/** FERRY_… variables of whoever runs the demo must not configure the demo's Ferry. */
function withoutFerryVariables(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FERRY_')));
}
