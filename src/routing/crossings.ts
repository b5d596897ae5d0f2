/**
 * Commands that will break at the cutover: their keys are in several slots, and the Cluster that is to be the authority
 * refuses such (CROSSSLOT). Counted by name while the present authority still allows them; MGET, MSET and the others that
 * Ferry splits do not count.
 */
export interface Crossing {
  count: number;
  /** When the last one was seen, ISO 8601. */
  lastAt: string;
}

const NAMES_MAX = 200;

export class Crossings {
  readonly byName = new Map<string, Crossing>();
  total = 0;

  count(name: string): void {
    this.total++;
    const lastAt = new Date().toISOString();
    const known = this.byName.get(name);
    if (known !== undefined) {
      known.count++;
      known.lastAt = lastAt;
    } else if (this.byName.size < NAMES_MAX) this.byName.set(name, { count: 1, lastAt });
  }
}
