/** What the demo migrates to, whatever it consists of, and how it fails when it is told to. */
export interface Target {
  readonly kind: 'standalone' | 'cluster';
  /** as Ferry is given it */
  readonly url: string;
  /** for a person: what runs where */
  readonly place: string;
  /** rejects when a server of it ends by itself */
  readonly ended: Promise<never>;
  /** Kills one server with SIGKILL; the answer says which, and what becomes of it. */
  crash(): string;
  /** Resolves when the target takes writes again, to what has happened to it. */
  recover(): Promise<string>;
}
