/**
 * Which script bodies the mirror has been given on the present connection, so that EVALSHA works after a cutover
 * and each body travels once. Bounded: when full it starts over, and a body may travel again.
 */
const CAPACITY = 10_000;

export class ScriptCache {
  private readonly bodies = new Set<string>();

  isNew(body: Buffer): boolean {
    const text = body.toString('latin1', 0, body.length);
    if (this.bodies.has(text)) return false;
    if (this.bodies.size >= CAPACITY) this.bodies.clear();
    this.bodies.add(text);
    return true;
  }

  clear(): void {
    this.bodies.clear();
  }
}
