/**
 * The scripts that clients run: their bodies, so that EVALSHA works on the other server too, and how each is mirrored.
 *
 *   copy     the keys that it declares are copied afterwards (the default: nothing is asked of the script)
 *   replay   it runs on the mirror as well, in the order of the authority's replies; for scripts that touch keys which
 *            they do not declare, or whose keys are too big to be copied each time. It must be deterministic
 *
 * One book for the whole process: it outlives connections, restarts of the mirror and changes of authority. A body is
 * given to a mirror once per connection. Bounded: beyond that the oldest bodies are forgotten, and a script that is then
 * missing on the other side blocks a cutover (`scripts-missing`). https://redis.io/docs/interact/programmability
 */
import { createHash } from 'node:crypto';

export type ScriptMode = 'copy' | 'replay';
/** `default`, and by SHA-1 (lower case) or function name. */
export type ScriptModes = Readonly<Record<string, ScriptMode>>;

const BODIES_MAX_BYTES = 64 * 1024 * 1024;
const UNSEEN_MAX = 10_000;

export class ScriptBook {
  /** By SHA-1. */
  private readonly bodies = new Map<string, Buffer>();
  /** SHA-1 by body, so that each body is hashed once. */
  private readonly shas = new Map<string, string>();
  private bytes = 0;
  /** SHA-1s that clients ran and of which no body was ever seen. */
  private readonly unseen = new Set<string>();
  private readonly hasModes: boolean;
  private readonly defaultMode: ScriptMode;

  constructor(private readonly modes: ScriptModes) {
    this.defaultMode = modes.default ?? 'copy';
    this.hasModes = Object.keys(modes).some((name) => name !== 'default');
  }

  /** Might any script be replayed? */
  get hasReplays(): boolean {
    return this.defaultMode === 'replay' || this.hasModes;
  }

  /** `command`: eval, evalsha or fcall; `what`: the body, SHA-1 or function name. */
  isReplayed(command: string, what: Buffer): boolean {
    if (!this.hasModes) return this.defaultMode === 'replay';
    const name = command === 'eval' ? this.sawBody(what) : what.toString('latin1').toLowerCase();
    const exact = this.modes[name] ?? (command === 'fcall' ? this.modes[what.toString('latin1')] : undefined);
    return (exact ?? this.defaultMode) === 'replay';
  }

  /** Remembers a body; returns its SHA-1. */
  sawBody(body: Buffer): string {
    const text = body.toString('latin1');
    const known = this.shas.get(text);
    if (known !== undefined) return known;
    const sha = createHash('sha1').update(body).digest('hex');
    this.shas.set(text, sha);
    this.bodies.set(sha, Buffer.from(body));
    this.unseen.delete(sha);
    this.bytes += body.length;
    for (const [oldest, old] of this.bodies) {
      if (this.bytes <= BODIES_MAX_BYTES || oldest === sha) break;
      this.bodies.delete(oldest);
      this.shas.delete(old.toString('latin1'));
      this.bytes -= old.length;
    }
    return sha;
  }

  /** A client ran a script by its SHA-1. */
  sawSha(sha: Buffer): void {
    const name = sha.toString('latin1').toLowerCase();
    if (/^[0-9a-f]{40}$/.test(name) && !this.bodies.has(name) && this.unseen.size < UNSEEN_MAX) this.unseen.add(name);
  }

  /** SCRIPT FLUSH. */
  forget(): void {
    this.bodies.clear();
    this.shas.clear();
    this.unseen.clear();
    this.bytes = 0;
  }

  allBodies(): Iterable<Buffer> {
    return this.bodies.values();
  }

  /** Everything that a client may call by its SHA-1. */
  allShas(): string[] {
    return [...this.bodies.keys(), ...this.unseen];
  }

  bodyOf(sha: string): Buffer | undefined {
    return this.bodies.get(sha);
  }
}

/** What one connection of a mirror has been given. */
export class GivenScripts {
  private readonly given = new Set<string>();

  isNew(sha: string): boolean {
    if (this.given.has(sha)) return false;
    this.given.add(sha);
    return true;
  }

  clear(): void {
    this.given.clear();
  }
}
