/** The two servers of a migration, how Ferry is told of them, and which of them has which role in a phase. */
import type { ConfigOverrides } from '../../../src/config/config.js';
import { type RedisServer, startRedis } from '../../support/redis.js';
import { clear } from './running.js';
import { Wire } from './wire.js';
import type { WriteCase } from './write-case.js';

/** The phases in which writes are mirrored. */
export const MIRRORING_PHASES = ['dual-write', 'target-read', 'target-first'] as const;
export type MirroringPhase = (typeof MIRRORING_PHASES)[number];
export type Side = 'source' | 'target';

const SIDES = ['source', 'target'] as const;
/** It makes what has no other way to another server than DUMP and RESTORE. */
const ONLY_BY_DUMP = /^VADD\b/;
const NO_DUMP = ['--rename-command', 'DUMP', '', '--rename-command', 'RESTORE', ''];

export interface Deployment {
  /** The side whose server has no DUMP and no RESTORE. */
  readonly without?: Side;
  /** Where the target keeps what is in the source's database 0. */
  readonly targetDb?: number;
  /** Larger keys are copied in chunks. */
  readonly bigKeyBytes?: number;
}

export class Pair {
  private constructor(
    private readonly deployment: Deployment,
    private readonly servers: Readonly<Record<Side, RedisServer>>,
    readonly wires: Readonly<Record<Side, Wire>>,
  ) {}

  static async start(deployment: Deployment): Promise<Pair> {
    const start = (side: Side) => startRedis({ args: side === deployment.without ? NO_DUMP : [] });
    const [source, target] = await Promise.all([start('source'), start('target')]);
    const wires = { source: await Wire.open(source.port), target: await Wire.open(target.port, deployment.targetDb) };
    return new Pair(deployment, { source, target }, wires);
  }

  get config(): ConfigOverrides {
    const { targetDb, bigKeyBytes } = this.deployment;
    return {
      source: this.servers.source.url,
      target: `${this.servers.target.url}/${targetDb ?? 0}`,
      limits: bigKeyBytes === undefined ? {} : { bigKeyBytes },
    };
  }

  authority(phase: MirroringPhase): Wire {
    return this.wires[authorityOf(phase)];
  }

  mirror(phase: MirroringPhase): Wire {
    return this.wires[mirrorOf(phase)];
  }

  /** Without those that the authority does not have, and those that cannot be copied. */
  casesFor(phase: MirroringPhase, cases: readonly WriteCase[]): readonly WriteCase[] {
    const { without } = this.deployment;
    if (without === undefined) return cases;
    return cases.filter(({ command, setup, run }) => {
      if ([...setup, ...run].some((line) => ONLY_BY_DUMP.test(String(line)))) return false;
      return command !== 'restore' || without !== authorityOf(phase);
    });
  }

  /** How a case's effects must be mirrored: all of them, or the first, and the others. */
  expectedClasses(phase: MirroringPhase, keysAreKnown: boolean, write: WriteCase): [string, string] {
    const { known, unknown } = write.mirrored;
    // What the mirror does not have is copied.
    if (write.command === 'restore' && this.deployment.without === mirrorOf(phase)) return ['copy', 'copy'];
    return [keysAreKnown ? known : unknown, known];
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
