/**
 * Names to addresses: by the system's resolver, or by DNS servers of one's own (`dns-servers`).
 *
 * Addresses come as they are. https://nodejs.org/api/dns.html
 */
import { lookup as lookupOfSystem } from 'node:dns';
import { lookup, Resolver } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';

export interface NameResolver {
  /** At least one address, in the order in which they were given. Throws when there is none. */
  resolve(host: string): Promise<string[]>;
}

export function resolverOf(servers: readonly string[]): NameResolver {
  if (servers.length === 0) {
    return {
      async resolve(host) {
        if (isIP(host) !== 0) return [host];
        return (await lookup(host, { all: true })).map(({ address }) => address);
      },
    };
  }
  const resolver = new Resolver({ timeout: 1000, tries: 2 });
  resolver.setServers(servers);
  return {
    async resolve(host) {
      if (isIP(host) !== 0) return [host];
      const v4 = await resolver.resolve4(host).catch((error: Error) => error);
      if (Array.isArray(v4) && v4.length > 0) return v4;
      const v6 = await resolver.resolve6(host).catch(() => []);
      if (v6.length > 0) return v6;
      throw v4 instanceof Error ? v4 : new Error(`${host} has no address`);
    },
  };
}

/** The same for a connection to one of the addresses, whenever it is made. */
export function lookupBy(resolver: NameResolver): LookupFunction {
  return (host, options, callback) => {
    if (!isMovingName(host)) {
      lookupOfSystem(host, options, callback);
      return;
    }
    resolver.resolve(host).then(
      (found) => {
        const all = found.map((address) => ({ address, family: isIP(address) }));
        if (options.all === true) callback(null, all);
        else callback(null, all[0]!.address, all[0]!.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    );
  };
}

/** Does the host stand for whatever a resolver says, now or later? */
export function isMovingName(host: string): boolean {
  return isIP(host) === 0 && host !== 'localhost';
}
