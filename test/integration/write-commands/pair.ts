/** The two servers of a migration, and which of them has which role in a phase. */
import { type RedisServer, startRedis } from '../../support/redis.js';
import { clear } from './running.js';
import { Wire } from './wire.js';
import type { WriteCase } from './write-case.js';

/** The phases in which writes are mirrored. */
export const MIRRORING_PHASES = ['dual-write', 'target-read', 'target-first'] as const;
export type MirroringPhase = (typeof MIRRORING_PHASES)[number];
export type Side = 'source' | 'target';

const SIDES = ['source', 'target'] as const;
const NO_DUMP = ['--rename-command', 'DUMP', '', '--rename-command', 'RESTORE', ''];

export class Pair {
  private constructor(
    readonly servers: Readonly<Record<Side, RedisServer>>,
    readonly wires: Readonly<Record<Side, Wire>>,
    private readonly without: Side | null,
  ) {}

  /** `without`: the side whose server has no DUMP and no RESTORE. */
  static async start(without: Side | null): Promise<Pair> {
    const start = (side: Side) => startRedis({ args: side === without ? NO_DUMP : [] });
    const [source, target] = await Promise.all([start('source'), start('target')]);
    const wires = { source: await Wire.open(source.port), target: await Wire.open(target.port) };
    return new Pair({ source, target }, wires, without);
  }

  authority(phase: MirroringPhase): Wire {
    return this.wires[authorityOf(phase)];
  }

  mirror(phase: MirroringPhase): Wire {
    return this.wires[mirrorOf(phase)];
  }

  /** Without those that the authority does not have. */
  casesFor(phase: MirroringPhase, cases: readonly WriteCase[]): readonly WriteCase[] {
    return this.without === authorityOf(phase) ? cases.filter((write) => write.command !== 'restore') : cases;
  }

  /** How each effect of a case must be mirrored; what the mirror does not have is copied. */
  expectedClasses(phase: MirroringPhase, keysAreKnown: boolean, write: WriteCase): string {
    const classes = keysAreKnown ? write.mirrored.known : write.mirrored.unknown;
    const mirrorLacksIt = write.command === 'restore' && this.without === mirrorOf(phase);
    return mirrorLacksIt ? classes.replaceAll(/\S+/g, 'copy') : classes;
  }

  async empty(): Promise<void> {
    await Promise.all(SIDES.map((side) => clear(this.wires[side])));
  }

  async stop(): Promise<void> {
    for (const side of SIDES) this.wires[side].close();
    await Promise.all(SIDES.map((side) => this.servers[side].stop()));
  }
}

function authorityOf(phase: MirroringPhase): Side {
  return phase === 'target-first' ? 'target' : 'source';
}

function mirrorOf(phase: MirroringPhase): Side {
  return phase === 'target-first' ? 'source' : 'target';
}
