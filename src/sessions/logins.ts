/**
 * Credentials that are taken away stop working within seconds, also for clients that are connected.
 *
 * Each user in use is looked at now and then: by Ferry's own file where that decides, else by logging in once more on a
 * connection of its own. A definite refusal closes the clients of that user; trouble on the way never does.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Identity } from '../lanes/identity.js';
import type { Logger } from '../observe/log.js';
import type { Switchboard } from '../routing/switchboard.js';
import type { Clients } from './clients.js';

const FILE_EVERY_MS = 1000;

export class LoginWatch {
  private readonly timers: NodeJS.Timeout[] = [];
  private isLooking = false;

  constructor(
    private readonly board: Switchboard,
    private readonly clients: Clients,
    private readonly log: Logger,
    everySeconds: number,
  ) {
    const { users } = board.source.accounts;
    if (users !== null) {
      this.timers.push(
        setInterval(() => users.reread() && this.closeUnless((identity) => this.isInFile(identity)), FILE_EVERY_MS),
      );
    }
    if (everySeconds > 0) this.timers.push(setInterval(() => void this.look(), everySeconds * 1000));
  }

  stop(): void {
    for (const timer of this.timers) clearInterval(timer);
  }

  /** With this password, and with the same accounts. */
  private isInFile({ name, password, accounts }: Identity): boolean {
    if (password === null) return true;
    const now = this.board.source.accounts.users?.login(name, password) ?? null;
    return now !== null && isDeepStrictEqual(now.accounts, accounts);
  }

  private async look(): Promise<void> {
    if (this.isLooking || this.board.gateClosed) return;
    this.isLooking = true;
    try {
      const { accounts } = this.board.source;
      const seen = new Map<string, Identity>();
      for (const { identity } of this.clients.byId.values()) {
        if (identity.password !== null) seen.set(`${identity.name}\n${identity.password}`, identity);
      }
      for (const identity of seen.values()) {
        const isMapped = accounts.mappedTarget(identity.name) !== undefined;
        const side = isMapped ? this.board.source : this.board.authority;
        const { username, password } = accounts.of(identity, side.side);
        if (password === null) continue;
        const refusal = await side.verifyLogin(username, password);
        if (refusal === null || !/^WRONGPASS/.test(refusal)) continue;
        this.closeUnless((other) => other.name !== identity.name || other.password !== identity.password);
      }
    } finally {
      this.isLooking = false;
    }
  }

  private closeUnless(mayStay: (identity: Identity) => boolean): void {
    for (const session of [...this.clients.byId.values()]) {
      if (mayStay(session.identity)) continue;
      this.log.warn(
        { user: session.identity.name },
        'its credentials do not work any more: the client is disconnected',
      );
      session.close('its credentials were taken away');
    }
  }
}
