/**
 * Who is connected to the servers past Ferry: applications that were forgotten, which would go on with the old side after
 * the cutover.
 *
 * Looked at every LOOK_EVERY_MS while a mirror follows, and before a cutover. Ferry's own connections, replicas and
 * sentinels do not count, nor who is known: a name, a user or an address (with its port or without) in `--known-clients`
 * or named at the cutover, `*` at the end for what begins so.
 *
 * A cutover is refused while anybody else is there, or nobody can tell: with `--direct-clients ask` (the default) if whoever
 * asks for it says who may stay, though it be nobody, as `ferry cutover`, `ferry migrate` and the dashboard do; with `block`
 * always, with `warn` never. A bare request of a program is no person who could be asked: it is told.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { clientText, isNewcomer, isOfServers, type ListedClient, parseClientList } from '../lanes/client-list.js';
import { isRefusal } from '../lanes/rights-probe.js';
import type { Upstream } from '../lanes/upstream.js';
import type { Blocker, Migration } from './migration.js';

const LOOK_EVERY_MS = 5000;
/** So many are told one by one. */
const TOLD = 20;
/** Clients choose theirs: nothing that a shell, or the list, would read as something else. */
const PLAIN_NAME = /^[\w.:@/-]+$/;

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

/** Why there is no list: it was not allowed, or there was no answer, which passes. */
type Unlisted = 'refused' | 'unanswered';
type Found = DirectClient[] | Unlisted;

export class DirectClients {
  private found: { source: Found; target: Found } = { source: 'unanswered', target: 'unanswered' };
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
    return { source: listIn(this.found.source), target: listIn(this.found.target) };
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Who is there now, whatever the phase; it is not kept. What is not told within the time is null. */
  async now(limitMs: number): Promise<DirectClientsStatus> {
    const { source, target } = this.migration.board;
    const [there, here] = await Promise.all(
      [source, target].map((side) =>
        Promise.race([this.lookAt(side), sleep(limitMs, 'unanswered' as const, { ref: false })]),
      ),
    );
    return { source: listIn(there!), target: listIn(here!) };
  }

  /** Resolves when both sides were asked. */
  look(): Promise<void> {
    this.looking ??= this.lookAtBoth().finally(() => {
      this.looking = null;
    });
    return this.looking;
  }

  /** What stands in the way of a cutover, as of the last look; `known`: who was named when it was asked for, null if nobody was asked. */
  blockers(known: readonly string[] | null): Blocker[] {
    const { mode } = this.migration.board.config.directClients;
    if (mode === 'warn' || (mode === 'ask' && known === null)) return [];
    return this.standing(known ?? []);
  }

  /** What is to be told beside a cutover that was taken, '' if nothing is. */
  get note(): string {
    const notes = (['source', 'target'] as const).flatMap((side) => {
      const there = listIn(this.found[side]) ?? [];
      return there.length === 0
        ? []
        : [`${countText(there)} still connected to the ${side} past Ferry: ${someText(there)}.`];
    });
    return notes.join(' ');
  }

  private standing(known: readonly string[]): Blocker[] {
    if (!this.hasLooked) return [];
    const { config } = this.migration.board;
    const blockers: Blocker[] = [];
    for (const side of ['source', 'target'] as const) {
      const there = this.found[side];
      if (typeof there === 'string') {
        // whoever it is may stay
        if ([...known, ...config.directClients.known].includes('*')) continue;
        if (there === 'unanswered') {
          const message = `Who is connected to the ${side} past Ferry is not known now, because it did not answer: wait until it is back.`;
          blockers.push({ code: 'direct-clients-unanswered', message });
          continue;
        }
        const message = `Who is connected to the ${side} past Ferry cannot be listed there (CLIENT LIST): allow it, or make sure that nobody is and say so (--known '*', or force it).`;
        blockers.push({ code: 'direct-clients-unknown', message });
        continue;
      }
      const others = there.filter((client) => !isKnown(client, known));
      if (others.length === 0) continue;
      const message = `${countText(others)} connected to the ${side} past Ferry and would stay there: ${someText(others)}. Point them at Ferry, or name those that may stay: --known ${namesOf(others)}; --known-clients does it for good.`;
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

  private async lookAt(side: Upstream): Promise<Found> {
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
    } catch (error) {
      return isRefusal(error) ? 'refused' : 'unanswered';
    }
    return found;
  }
}

function directClient({ address, name, user, command, idleSeconds }: ListedClient): DirectClient {
  return { address, name, user, lastCommand: command, idleSeconds };
}

function listIn(found: Found): DirectClient[] | null {
  return typeof found === 'string' ? null : found;
}

function countText({ length }: readonly DirectClient[]): string {
  return length === 1 ? '1 client is' : `${length} clients are`;
}

function someText(clients: readonly DirectClient[]): string {
  return `${clients.slice(0, TOLD).map(clientText).join(', ')}${clients.length > TOLD ? ', …' : ''}`;
}

/** By what they can be named, each once: their name, else their user, else where they come from. As a shell takes it. */
function namesOf(clients: readonly DirectClient[]): string {
  const names = clients.map(({ name, user, address }) =>
    PLAIN_NAME.test(name) ? name : PLAIN_NAME.test(user) && user !== 'default' ? user : hostOf(address),
  );
  const list = [...new Set(names)].slice(0, TOLD).join(',');
  return /^[\w.:@/,-]+$/.test(list) ? list : `'${list}'`;
}

function hostOf(address: string): string {
  return address.replace(/:\d+$/, '');
}

function isKnown({ address, name, user }: DirectClient, known: readonly string[]): boolean {
  return known.some((pattern) =>
    [address, hostOf(address), name, user].some(
      (text) => text !== '' && (pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern),
    ),
  );
}
