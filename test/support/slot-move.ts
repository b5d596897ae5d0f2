/**
 * One slot on its way from one master to another, as `redis-cli --cluster reshard` moves it, step by step:
 *
 *   begin    SETSLOT IMPORTING on the target, then MIGRATING on the source. From here on the source answers ASK for
 *            keys that it does not have, and TRYAGAIN for commands whose keys are on both nodes
 *   step     GETKEYSINSLOT and one MIGRATE … KEYS: some keys are on the target afterwards
 *   finish   steps until the source holds no key of the slot, then SETSLOT NODE on the target (which takes a new
 *            epoch for it), the source and all other masters. From here on they answer MOVED
 *   cancel   SETSLOT STABLE on both. Keys that were moved stay where they are, and out of reach
 *
 * Replicas hear of the new owner by gossip, up to a second after `finish`.
 */
import { list } from '../integration/journey/wire.js';
import type { NodeWires } from './node-wires.js';

export interface MoveOptions {
  /** between two steps, and between the last one and SETSLOT NODE; default 0 */
  readonly pauseMs?: number;
  /** keys per step; default 10 */
  readonly stepKeys?: number;
}

interface MoveEnd {
  readonly port: number;
  readonly nodeId: string;
}

const MIGRATE_TIMEOUT_MS = 5_000;

export class SlotMove {
  constructor(
    readonly slot: number,
    readonly from: MoveEnd,
    readonly to: MoveEnd,
    private readonly wires: NodeWires,
    private readonly password: string | undefined,
    private readonly otherMasters: () => Promise<readonly MoveEnd[]>,
  ) {}

  async begin(): Promise<void> {
    await this.setSlot(this.to, 'IMPORTING', this.from.nodeId);
    await this.setSlot(this.from, 'MIGRATING', this.to.nodeId);
  }

  /** Moves so many keys at most; how many there were to move. */
  async step(keys = 10): Promise<number> {
    const names = list(await this.wires.ask(this.from.port, 'CLUSTER', 'GETKEYSINSLOT', this.slot, keys)) as Buffer[];
    if (names.length === 0) return 0;
    const auth = this.password === undefined ? [] : ['AUTH', this.password];
    // NOKEY, when all of them were deleted meanwhile, is no error
    await this.wires.ask(
      this.from.port,
      ...['MIGRATE', '127.0.0.1', this.to.port, '', 0, MIGRATE_TIMEOUT_MS, ...auth, 'KEYS', ...names],
    );
    return names.length;
  }

  /** How many keys it moved. */
  async finish(options: MoveOptions = {}): Promise<number> {
    let moved = 0;
    for (let keys = -1; keys !== 0; moved += keys) {
      keys = await this.step(options.stepKeys);
      if (options.pauseMs !== undefined) await new Promise((resolve) => setTimeout(resolve, options.pauseMs));
    }
    await this.setSlot(this.to, 'NODE', this.to.nodeId);
    await this.setSlot(this.from, 'NODE', this.to.nodeId);
    const others = await this.otherMasters();
    await Promise.all(others.map((master) => this.setSlot(master, 'NODE', this.to.nodeId)));
    return moved;
  }

  async cancel(): Promise<void> {
    await this.setSlot(this.from, 'STABLE');
    await this.setSlot(this.to, 'STABLE');
  }

  private async setSlot(at: MoveEnd, ...state: string[]): Promise<void> {
    await this.wires.ask(at.port, 'CLUSTER', 'SETSLOT', this.slot, ...state);
  }
}
