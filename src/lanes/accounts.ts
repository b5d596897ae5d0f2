/**
 * The accounts in play: Ferry's own on each side, and which accounts a client's user has on each side.
 *
 *   Ferry's own     from the connection string, or re-read from a file or a command at each connect and now and then;
 *                   a changed secret is told to open connections by AUTH
 *   a client's      its own user name and password on both sides, unless the name is mapped (`map-users`) or Ferry's own
 *                   user file gives the accounts (`users-file`)
 *
 * A mapped user logs in with the source's password in every phase: the source is asked, and while it cannot be reached,
 * what it said last. A secret is never part of a name, a log or an error.
 */
import { execFile } from 'node:child_process';
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import type { Endpoint } from '../config/url.js';
import type { Side } from '../phases/phase.js';
import { credentialBytes } from './credential-text.js';
import { type Credentials, credentialsOn, type Identity } from './identity.js';

const COMMAND_TIMEOUT_MS = 10_000;

/** Where Ferry's secret for a side comes from. */
export interface SecretSource {
  readonly file: string | null;
  /** Run by a shell; the secret is what it prints. */
  readonly command: string | null;
}

/** Ferry's account on one side. */
export class OwnAccount implements Credentials {
  private current: Credentials;

  constructor(
    endpoint: Endpoint,
    private readonly secret: SecretSource,
  ) {
    this.current = { username: endpoint.username, password: endpoint.password };
    if (secret.file !== null) this.take(readFileSync(secret.file, 'utf8'));
  }

  get username(): string | null {
    return this.current.username;
  }

  get password(): string | null {
    return this.current.password;
  }

  get changes(): boolean {
    return this.secret.file !== null || this.secret.command !== null;
  }

  /** Reads a file again; what cannot be read leaves the secret as it is. */
  reread(): this {
    if (this.secret.file === null) return this;
    try {
      this.take(readFileSync(this.secret.file, 'utf8'));
    } catch {
      // between two versions of the file: the old one is as good as any
    }
    return this;
  }

  /** Resolves true when the secret is another one than before. @throws when the command fails */
  async refresh(): Promise<boolean> {
    const before = this.current;
    const { command } = this.secret;
    if (command === null) this.reread();
    else {
      const printed = await new Promise<string>((resolve, reject) => {
        execFile('/bin/sh', ['-c', command], { timeout: COMMAND_TIMEOUT_MS }, (error, stdout) => {
          if (error === null) resolve(stdout);
          else reject(new Error(`the command for credentials failed (exit ${error.code ?? 'by a signal'})`));
        });
      });
      this.take(printed);
    }
    return before.username !== this.current.username || before.password !== this.current.password;
  }

  /** `user:password` or `password`, one line. */
  private take(text: string): void {
    const line = text.trim();
    if (line === '') return;
    const colon = line.indexOf(':');
    this.current =
      colon < 0
        ? { username: this.current.username, password: line }
        : { username: line.slice(0, colon), password: line.slice(colon + 1) };
  }
}

/** A user of Ferry's own file. */
interface FileUser {
  /** SHA-256 in hex, any of which may match. */
  readonly passwords: readonly string[];
  readonly source: Credentials;
  readonly target: Credentials;
}

/**
 * The user file (YAML):
 *
 *     alice:
 *       password: '#<sha256 of her password in hex>'     # or a list of them
 *       source: { username: app, password: secret }
 *       target: { username: app2, password: secret2 }
 */
export class UserFile {
  private users: ReadonlyMap<string, FileUser>;
  private changedMs: number;

  constructor(private readonly path: string) {
    this.users = readUsers(path);
    this.changedMs = statSync(path).mtimeMs;
  }

  /** Looks whether the file has changed; a broken one leaves the users as they are. True: it has. */
  reread(): boolean {
    try {
      const { mtimeMs } = statSync(this.path);
      if (mtimeMs === this.changedMs) return false;
      this.users = readUsers(this.path);
      this.changedMs = mtimeMs;
      return true;
    } catch {
      return false;
    }
  }

  /** The identity of a user who gave this password, null when it is none of hers. */
  login(username: string, password: string): Identity | null {
    const digest = createHash('sha256').update(credentialBytes(password)).digest();
    const user = this.users.get(username);
    let matches = false;
    for (const hex of user?.passwords ?? [NOBODYS]) {
      if (timingSafeEqual(digest, Buffer.from(hex, 'hex')) && user !== undefined) matches = true;
    }
    if (!matches || user === undefined) return null;
    return { name: username, username, password, accounts: { source: user.source, target: user.target } };
  }
}

/** Compared where there is no such user, so that the answer takes as long. */
const NOBODYS = '0'.repeat(64);

function readUsers(path: string): Map<string, FileUser> {
  const users = new Map<string, FileUser>();
  const file = parsed(readFileSync(path, 'utf8'));
  for (const [name, fields] of Object.entries(file ?? {})) {
    const passwords = [fields.password].flat().map((value) => String(value).replace(/^#/, '').toLowerCase());
    for (const hex of passwords) {
      if (!/^[0-9a-f]{64}$/.test(hex)) {
        throw new Error(`the password of ${name} must be '#' and 64 hexadecimal digits (its SHA-256)`);
      }
    }
    users.set(name, {
      passwords,
      source: accountOf(name, fields.source),
      target: accountOf(name, fields.target),
    });
  }
  return users;
}

/** Without the parser's own words, which show the lines around a mistake, secrets among them. */
function parsed(text: string): Record<string, Record<string, unknown>> | null {
  try {
    return parseYaml(text, { logLevel: 'silent' }) as Record<string, Record<string, unknown>> | null;
  } catch {
    throw new Error('the users file is no valid YAML');
  }
}

function accountOf(user: string, value: unknown): Credentials {
  const fields = value as { username?: unknown; password?: unknown } | null | undefined;
  if (fields?.password === undefined)
    throw new Error(`${user} needs an account on both sides: source and target, each with a password`);
  return {
    username: fields.username === undefined ? null : String(fields.username),
    password: String(fields.password),
  };
}

export class Accounts {
  readonly own: Readonly<Record<Side, OwnAccount>>;
  /** What the source said last of a mapped user: the digest of the right password. */
  private readonly verified = new Map<string, string>();

  constructor(
    endpoints: Readonly<Record<Side, Endpoint>>,
    secrets: Readonly<Record<Side, SecretSource>>,
    private readonly mapped: Readonly<Record<string, Credentials>>,
    /** Null: clients are authenticated by the servers. */
    readonly users: UserFile | null,
  ) {
    this.own = {
      source: new OwnAccount(endpoints.source, secrets.source),
      target: new OwnAccount(endpoints.target, secrets.target),
    };
  }

  /** With which credentials a client's connections to `side` log in. */
  of(identity: Identity, side: Side): Credentials {
    if (identity.accounts !== null) return identity.accounts[side];
    return credentialsOn(identity, this.own[side], this.own[side === 'source' ? 'target' : 'source']);
  }

  /** The target's account of a user whose name is mapped, or undefined. */
  mappedTarget(username: string): Credentials | undefined {
    return Object.hasOwn(this.mapped, username) ? this.mapped[username] : undefined;
  }

  remember(username: string, password: string): void {
    this.verified.set(username, digestOf(password));
  }

  isRemembered(username: string, password: string): boolean {
    return this.verified.get(username) === digestOf(password);
  }
}

function digestOf(password: string): string {
  return createHash('sha256').update(credentialBytes(password)).digest('hex');
}
