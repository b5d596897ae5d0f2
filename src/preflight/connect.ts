/**
 * Connections for looking: one to each master of a side, with Ferry's account, found as Ferry finds them. Nothing is ever
 * written over them, nothing is killed, and a connection that is lost is not made anew.
 *
 * The lanes' own server nodes are not used here, because what they ask of a server at first contact includes commands that
 * write (refused ones, but a server's log shows them).
 */
import { addressText } from '../config/addresses.js';
import type { Config, Endpoint } from '../config/config.js';
import { StartError } from '../config/errors.js';
import { OwnAccount } from '../lanes/accounts.js';
import { callLane } from '../lanes/call.js';
import { authCommand } from '../lanes/credential-text.js';
import { lookupBy, type NameResolver, resolverOf } from '../lanes/discovery/resolver.js';
import { type HandshakeStep, Lane, LaneRefused } from '../lanes/lane.js';
import { type TlsFiles, tlsOptionsOf } from '../lanes/tls.js';
import { cannotBeUsed, reasonOf } from '../lanes/unusable.js';
import type { Side } from '../phases/phase.js';
import { encodeCommand } from '../resp/encode.js';
import { ReplyFault } from '../resp/values.js';
import { addressesIn, nodesIn, type Shard, shardsIn } from '../topology/cluster-views.js';

const ANSWER_TIMEOUT_MS = 10_000;

export type Argument = string | number | Buffer;

interface Place {
  readonly host: string;
  readonly port: number;
  readonly path?: string;
}

interface Login {
  readonly username: string | null;
  readonly password: string | null;
}

/** A connection to one server. */
export class Looker {
  readonly name: string;
  private readonly lane: Lane;
  private problem: Error | null = null;
  private readonly opened: Promise<void>;

  constructor(
    readonly place: Place,
    login: Login,
    tls: TlsFiles | undefined,
    named: readonly string[],
    private readonly rename: Readonly<Record<string, string>>,
    resolver: NameResolver,
  ) {
    const { host, port, path } = place;
    this.name = path ?? addressText({ host, port });
    const secured = tlsOptionsOf(tls, named, host);
    let lane: Lane;
    this.opened = new Promise((resolve, reject) => {
      lane = new Lane({
        name: `preflight:${this.name}`,
        address: place,
        tls: secured,
        lookup: lookupBy(resolver),
        giveUpOnRefusal: true,
        handshake: () => this.loginSteps(login),
        onUp: () => resolve(),
        onDown: (which, reason) => {
          this.problem ??= new Error(which.lastError || reason);
          which.close(); // it would be made anew
          reject(this.problem);
        },
      });
    });
    this.lane = lane!;
    this.opened.catch(() => {}); // `connect` says it
  }

  private loginSteps({ username, password }: Login): HandshakeStep[] {
    if (password === null) return [];
    const [, ...words] = authCommand(username, password);
    return [
      {
        command: encodeCommand([this.wireName('AUTH'), ...words]),
        accept(reply) {
          if (reply instanceof ReplyFault) throw new LaneRefused(reply.message);
          return undefined;
        },
      },
    ];
  }

  /** Throws when it cannot be reached, or refuses the login. */
  async connect(): Promise<void> {
    await this.opened;
    await this.ask('PING').catch((error: Error) => {
      if (!/^NOPERM/.test(error.message)) throw error;
    });
  }

  /** Rejects with the server's error; `wasLost` tells whether there is a server any more. */
  async ask(command: string, ...args: Argument[]): Promise<unknown> {
    const [answer] = await this.askTogether([[command, ...args]]);
    if (answer instanceof Error) throw answer;
    return answer;
  }

  /** Several at once, in one piece: the server is woken once. An element is the reply or the server's error. */
  async askTogether(commands: readonly (readonly [string, ...Argument[]])[]): Promise<unknown[]> {
    const deadline = setTimeout(() => this.giveUp('it did not answer within 10 s'), ANSWER_TIMEOUT_MS);
    try {
      return await callLane(
        this.lane,
        commands.map(([name, ...args]) => [this.wireName(name), ...args]),
      );
    } catch (error) {
      throw this.problem ?? error;
    } finally {
      clearTimeout(deadline);
    }
  }

  get wasLost(): boolean {
    return !this.lane.isUp();
  }

  close(): void {
    this.giveUp('it was closed');
  }

  private giveUp(reason: string): void {
    this.problem ??= new Error(reason);
    this.lane.close();
  }

  /** The name under which this server has it, as far as Ferry was told. */
  wireName(command: string): string {
    return this.rename[command.toLowerCase()] ?? command;
  }
}

/** A master, and of a Cluster the slots that it serves. */
export interface OpenServer {
  readonly looker: Looker;
  readonly ranges: Shard['ranges'];
}

export interface OpenSide {
  readonly side: Side;
  readonly endpoint: Endpoint;
  readonly servers: readonly OpenServer[];
  close(): void;
}

/** @throws StartError 3 when the side cannot be reached, 2 when its files or credentials are no good */
export async function openSide(side: Side, config: Config): Promise<OpenSide> {
  const opener = new Opener(side, config, await ownAccount(side, config));
  try {
    const servers = await opener.open();
    return { side, endpoint: config[side], servers, close: () => opener.close() };
  } catch (error) {
    opener.close();
    if (error instanceof StartError) throw error;
    throw cannotBeUsed(side, config[side], error);
  }
}

async function ownAccount(side: Side, config: Config): Promise<OwnAccount> {
  try {
    const account = new OwnAccount(config[side], config.credentials[side]);
    if (account.changes) await account.refresh();
    return account;
  } catch (error) {
    throw new StartError(2, `The credentials cannot be read: ${reasonOf(error)}. Check the files and commands given.`);
  }
}

class Opener {
  private readonly opened: Looker[] = [];
  private readonly endpoint: Endpoint;
  private readonly resolver: NameResolver;

  constructor(
    private readonly side: Side,
    private readonly config: Config,
    private readonly account: OwnAccount,
  ) {
    this.endpoint = config[side];
    this.resolver = resolverOf(config.topology.dnsServers);
  }

  close(): void {
    for (const looker of this.opened) looker.close();
  }

  async open(): Promise<OpenServer[]> {
    const { endpoint } = this;
    switch (endpoint.kind) {
      case 'standalone':
        return [{ looker: await this.connect(endpoint), ranges: [] }];
      case 'sentinel':
        return [{ looker: await this.connect(await this.masterBySentinels()), ranges: [] }];
      case 'cluster':
        return this.masters();
    }
  }

  private async connect(place: Place): Promise<Looker> {
    const { endpoint } = this;
    const named = endpoint.addresses.map(({ host }) => host);
    return this.begin(place, this.account, endpoint.tls, endpoint.kind === 'sentinel' ? [] : named);
  }

  private async begin(
    place: Place,
    login: Login,
    tls: TlsFiles | undefined,
    named: readonly string[],
    rename = this.config.rename[this.side],
  ): Promise<Looker> {
    let looker: Looker;
    try {
      looker = new Looker(place, login, tls, named, rename, this.resolver);
    } catch (error) {
      const why = `The TLS files of the ${this.side} cannot be read: ${reasonOf(error)}.`;
      throw new StartError(2, `${why} Check its URL.`);
    }
    this.opened.push(looker);
    await looker.connect();
    return looker;
  }

  /** The newest word of the sentinels that answer. */
  private async masterBySentinels(): Promise<Place> {
    const { addresses, sentinel, master = '' } = this.endpoint;
    const login = { username: sentinel?.username ?? null, password: sentinel?.password ?? null };
    let problem: unknown = new Error(`no sentinel knows a master called '${master}'`);
    let best: { place: Place; epoch: number } | null = null;
    for (const address of addresses) {
      try {
        const looker = await this.begin(address, login, sentinel?.tls, [], {});
        const found = await looker.ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master);
        if (!Array.isArray(found)) continue;
        const details = await looker.ask('SENTINEL', 'MASTER', master).catch(() => []);
        const words = (Array.isArray(details) ? details : []).map(String);
        const epoch = Number(words[words.indexOf('config-epoch') + 1]) || 0;
        if (best === null || epoch > best.epoch) {
          best = { place: { host: String(found[0]), port: Number(found[1]) }, epoch };
        }
      } catch (error) {
        if (error instanceof StartError) throw error;
        problem = error;
      }
    }
    if (best === null) throw problem;
    return best.place;
  }

  private async masters(): Promise<OpenServer[]> {
    const lookers = new Map<string, Looker>();
    const shards = await this.shards(lookers);
    const servers: OpenServer[] = [];
    for (const { master, ranges } of shards) {
      if (ranges.length === 0) continue;
      servers.push({ looker: lookers.get(addressText(master)) ?? (await this.connect(master)), ranges });
    }
    if (servers.length === 0) throw new Error('it serves no slots: the Cluster is not set up');
    return servers;
  }

  /** By the first node of the connection string that answers. */
  private async shards(lookers: Map<string, Looker>): Promise<Shard[]> {
    let problem: unknown = new Error('no node answers');
    for (const { host, port } of this.endpoint.addresses) {
      for (const address of await this.resolver.resolve(host).catch(() => [host])) {
        try {
          const looker = await this.connect({ host: address, port });
          lookers.set(looker.name, looker);
          const [nodes, slots] = [await looker.ask('CLUSTER', 'NODES'), await looker.ask('CLUSTER', 'SLOTS')];
          const view = { nodes: nodesIn(String(nodes), looker.place), addresses: addressesIn(slots, address) };
          return shardsIn([view]);
        } catch (error) {
          if (error instanceof StartError) throw error;
          problem = error;
        }
      }
    }
    throw problem;
  }
}
