/**
 * Who is connected to the servers past Ferry: applications that were forgotten, which would go on with the old side after
 * the cutover.
 *
 * Looked at every LOOK_EVERY_MS while a mirror follows, and before a cutover. Ferry's own connections, replicas and
 * sentinels do not count, nor who is known: a name, a user or an address (with its port or without) in `--known-clients`
 * or named at the cutover, `*` at the end for what begins so. With `--direct-clients block` a cutover is refused
 * while anybody else is there, or nobody can tell.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { clientText, isNewcomer, isOfServers, type ListedClient, parseClientList } from '../lanes/client-list.js';
import type { Upstream } from '../lanes/upstream.js';
import type { Blocker, Migration } from './migration.js';

const LOOK_EVERY_MS = 5000;
/** So many are told one by one. */
const TOLD = 20;

export interface DirectClient {
  readonly address: string;
  readonly name: string;
  readonly user: string;
  readonly lastCommand: string;
  readonly idleSeconds: number;
}

/** Of each side; null: it cannot be listed there, or was not yet. */
export interface DirectClientsStatus {
  readonly source: readonly DirectClient[] | null;
  readonly target: readonly DirectClient[] | null;
}

export class DirectClients {
  private found: { source: DirectClient[] | null; target: DirectClient[] | null } = { source: null, target: null };
  private hasLooked = false;
  private looking: Promise<void> | null = null;
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly migration: Migration) {
    this.timer = setInterval(() => {
      if (migration.board.rules.mirrored) void this.look();
    }, LOOK_EVERY_MS);
    this.timer.unref();
  }

  get status(): DirectClientsStatus {
    return this.found;
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Who is there now, whatever the phase; it is not kept. What is not told within the time is null. */
  async now(limitMs: number): Promise<DirectClientsStatus> {
    const { source, target } = this.migration.board;
    const [there, here] = await Promise.all(
      [source, target].map((side) => Promise.race([this.lookAt(side), sleep(limitMs, null, { ref: false })])),
    );
    return { source: there ?? null, target: here ?? null };
  }

  /** Resolves when both sides were asked. */
  look(): Promise<void> {
    this.looking ??= this.lookAtBoth().finally(() => {
      this.looking = null;
    });
    return this.looking;
  }

  /** What stands in the way of a cutover, as of the last look; `known`: who was named when it was asked for. */
  blockers(known: readonly string[] = []): Blocker[] {
    const { mode } = this.migration.board.config.directClients;
    if (mode !== 'block' || !this.hasLooked) return [];
    const blockers: Blocker[] = [];
    for (const side of ['source', 'target'] as const) {
      const there = this.found[side];
      if (there === null) {
        const message = `Who is connected to the ${side} past Ferry cannot be listed there (CLIENT LIST): allow it, or make sure that nobody is and force it.`;
        blockers.push({ code: 'direct-clients-unknown', message });
        continue;
      }
      const others = there.filter((client) => !isKnown(client, known));
      if (others.length === 0) continue;
      const message = `${others.length} clients are connected to the ${side} past Ferry and would stay there: ${others.slice(0, TOLD).map(clientText).join(', ')}${others.length > TOLD ? ', …' : ''}. Point them at Ferry, or name those that may stay (--known, --known-clients).`;
      blockers.push({ code: 'direct-clients', message });
    }
    return blockers;
  }

  private async lookAtBoth(): Promise<void> {
    const { source, target } = this.migration.board;
    const [there, here] = await Promise.all([this.lookAt(source), this.lookAt(target)]);
    this.found = { source: there, target: here };
    this.hasLooked = true;
  }

  private async lookAt(side: Upstream): Promise<DirectClient[] | null> {
    const { state, board } = this.migration;
    const own = `ferry:${state.migrationId}:`;
    const found: DirectClient[] = [];
    try {
      for (const node of side.masters) {
        for (const client of parseClientList(String(await node.call('CLIENT', 'LIST')))) {
          if (client.name.startsWith(own) || isOfServers(client) || isNewcomer(client)) continue;
          const direct = directClient(client);
          if (!isKnown(direct, board.config.directClients.known)) found.push(direct);
        }
      }
    } catch {
      return null;
    }
    return found;
  }
}

function directClient({ address, name, user, command, idleSeconds }: ListedClient): DirectClient {
  return { address, name, user, lastCommand: command, idleSeconds };
}

function isKnown({ address, name, user }: DirectClient, known: readonly string[]): boolean {
  const host = address.replace(/:\d+$/, '');
  return known.some((pattern) =>
    [address, host, name, user].some(
      (text) => text !== '' && (pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern),
    ),
  );
}
