/**
 * The operator of a Cluster while clients work: moves slots that their keys are in, live, step by step, from and to any
 * master; begins moves of empty slots and gives them up again; promotes replicas, where there are any.
 *
 * One at a time, as redis-cli does it: nodes that get slots at the same time may claim the same config epoch, and then
 * they disagree about who has which.
 *
 * A move that has begun under load is always finished. To give it up (SETSLOT STABLE) would leave keys behind that clients
 * made on the other node meanwhile, which is a loss of data by the operator and not Ferry's: it is turned back instead,
 * by a whole move the other way.
 */
import type { Cluster, ClusterNode } from '../support/cluster.js';
import type { Random } from './random.js';
import { FAR_SLOTS, HOT_SLOTS } from './slots.js';

const LONGEST_PAUSE_MS = 12;

export interface Resharded {
  readonly moves: number;
  readonly movedKeys: number;
  readonly turnedBack: number;
  readonly cancelled: number;
  readonly promotions: number;
}

export class Resharding {
  private moves = 0;
  private movedKeys = 0;
  private turnedBack = 0;
  private cancelled = 0;
  private promotions = 0;

  constructor(
    private readonly cluster: Cluster,
    private readonly random: Random,
    private readonly goesOn: () => boolean,
  ) {}

  get done(): Resharded {
    const { moves, movedKeys, turnedBack, cancelled, promotions } = this;
    return { moves, movedKeys, turnedBack, cancelled, promotions };
  }

  async run(): Promise<void> {
    const { random } = this;
    const hasReplicas = this.cluster.nodes.length > (await this.cluster.masters()).length;
    while (this.goesOn()) {
      await sleep(random.below(30));
      if (!this.goesOn()) return;
      if (hasReplicas && random.oneIn(6)) await this.promote();
      else if (random.oneIn(8)) await this.begunAndCancelled();
      else await this.move();
    }
  }

  private async move(): Promise<void> {
    const { random } = this;
    const slot = random.pick(random.oneIn(3) ? FAR_SLOTS : HOT_SLOTS);
    const from = await this.cluster.ownerOf(slot);
    await this.moveTo(slot, await this.otherThan(from));
    if (!random.oneIn(4)) return;
    await this.moveTo(slot, from);
    this.turnedBack++;
  }

  private async moveTo(slot: number, to: ClusterNode): Promise<void> {
    const { random } = this;
    const pause = (): Promise<void> => sleep(random.below(LONGEST_PAUSE_MS + 1));
    const move = await this.cluster.beginMove(slot, to);
    const stepKeys = random.between(1, 6);
    await pause();
    for (let steps = random.below(4); steps > 0; steps--) {
      this.movedKeys += await move.step(stepKeys);
      await pause();
    }
    this.movedKeys += await move.finish({ stepKeys, pauseMs: random.below(4) });
    this.moves++;
  }

  /** Of a slot without keys, so that there is nothing to lose. */
  private async begunAndCancelled(): Promise<void> {
    const slot = this.random.below(16384);
    if (HOT_SLOTS.includes(slot) || FAR_SLOTS.includes(slot)) return;
    const move = await this.cluster.beginMove(slot, await this.otherThan(await this.cluster.ownerOf(slot)));
    await sleep(this.random.below(30));
    await move.cancel();
    this.cancelled++;
  }

  private async promote(): Promise<void> {
    const masters = (await this.cluster.masters()).filter(({ slots }) => slots.length > 0);
    await this.cluster.promoteReplicaOf(this.random.pick(masters).node);
    this.promotions++;
  }

  private async otherThan(node: ClusterNode): Promise<ClusterNode> {
    const others = (await this.cluster.masters()).map((master) => master.node).filter((other) => other !== node);
    return this.random.pick(others);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
