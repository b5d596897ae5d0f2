/**
 * Evictions: a server over its memory limit takes keys away by itself, and tells nobody.
 *
 *   on the mirror      keys that were known there may be gone: nothing is known any more, reads go to the authority, and a
 *                      verification must follow (divergence 10)
 *   on the authority   a key that is gone there and not on the mirror is like one that somebody else deleted: while
 *                      changes are reported (bypass/) each is found by itself; else everything is in doubt as above
 *
 * `--eviction refuse` (default): a target that may evict blocks the cutover. `allow`, for caches: it needs headroom instead,
 * and what a verification misses on a side that evicted counts as evicted, not as a difference.
 */
import type { ServerNode } from '../lanes/server-node.js';
import type { Upstream } from '../lanes/upstream.js';
import type { Blocker, Migration } from './migration.js';

const EVERY_MS = 1000;
/** Of a target that evicts, so much of its memory may be in use at a cutover. */
const HEADROOM_USED = 0.9;

export class EvictionWatch {
  private readonly seen = new Map<ServerNode, { runId: string; keys: number }>();
  private readonly evictedOn = new Map<Upstream, number>();
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly migration: Migration,
    /** Are changes on the authority found one by one? */
    private readonly isCovered: () => boolean,
    /** Nothing about the mirror is sure any more. */
    private readonly onMirrorEvicts: (why: string) => void,
  ) {
    for (const side of [migration.board.source, migration.board.target]) this.begin(side);
    this.timer = setInterval(() => void this.look(), EVERY_MS);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Keys that the side evicted since Ferry looks at it, until now. */
  async evicted(side: Upstream): Promise<number> {
    await this.look();
    return this.evictedOn.get(side) ?? 0;
  }

  /** Asks every server; limits and policies may be changed while it runs. */
  look(): Promise<void> {
    return this.lookAt(() => true);
  }

  /** After the end of something that began with `look`: those that evicted nothing meanwhile, as they may not, are not asked. */
  lookAgain(): Promise<void> {
    return this.lookAt((node) => node.maxmemoryPolicy === '' || mayEvict(node));
  }

  private async lookAt(isMeant: (node: ServerNode) => boolean): Promise<void> {
    const { board } = this.migration;
    if (!board.rules.mirrored) {
      for (const side of [board.source, board.target]) this.begin(side);
      return;
    }
    // at once: a cutover waits for it
    const looks = [board.authority, board.follower].flatMap((side) =>
      side.masters
        .filter((node) => node.state === 'up' && isMeant(node))
        .map(async (node) => {
          await node.refreshEvicted().catch(() => {});
          this.count(side, node);
        }),
    );
    await Promise.all(looks);
  }

  /** What was evicted until now does not matter. */
  private begin(side: Upstream): void {
    for (const node of side.masters) this.seen.set(node, { runId: node.runId, keys: node.evictedKeys });
  }

  private count(side: Upstream, node: ServerNode): void {
    const before = this.seen.get(node);
    this.seen.set(node, { runId: node.runId, keys: node.evictedKeys });
    if (before?.runId !== node.runId || node.evictedKeys <= before.keys) return;
    this.evictedOn.set(side, (this.evictedOn.get(side) ?? 0) + node.evictedKeys - before.keys);
    const { board } = this.migration;
    if (side === board.follower) this.onMirrorEvicts(`${node.name} evicts keys`);
    else if (!this.isCovered()) {
      this.migration.hazard(`${node.name} evicts keys`);
      board.known.forget();
    }
  }
}

function mayEvict(node: ServerNode): boolean {
  return node.maxmemoryBytes > 0 && /lru|lfu|random|ttl/.test(node.maxmemoryPolicy);
}

/** What the target's memory has against becoming the authority. */
export function evictionBlockers({ board }: Migration): Blocker[] {
  const blockers: Blocker[] = [];
  for (const node of board.target.masters) {
    if (node.maxmemoryPolicy === '') {
      const message = `Whether ${node.name} evicts keys cannot be found out: allow Ferry INFO or CONFIG GET there, or make sure that it does not and force it.`;
      blockers.push({ code: 'memory-unknown', message });
    } else if (!mayEvict(node)) continue;
    else if (board.config.eviction === 'refuse') {
      const message = `The target evicts keys (maxmemory-policy ${node.maxmemoryPolicy} on ${node.name}): set noeviction there, or use --eviction allow if it is a cache.`;
      blockers.push({ code: 'target-evicts', message });
    } else if (node.usedMemoryBytes === 0) {
      const message = `How much of its memory ${node.name} uses cannot be found out: allow Ferry INFO there, or make sure that there is room and force it.`;
      blockers.push({ code: 'memory-unknown', message });
    } else if (node.usedMemoryBytes > node.maxmemoryBytes * HEADROOM_USED) {
      const percent = Math.round((node.usedMemoryBytes / node.maxmemoryBytes) * 100);
      const message = `${node.name} evicts keys and uses ${percent} % of its maxmemory: give it more, at most ${HEADROOM_USED * 100} % may be in use.`;
      blockers.push({ code: 'target-memory', message });
    }
  }
  return blockers;
}
