/**
 * Addresses as people write them: text ↔ `Address`.
 *
 *     host   host:port   10.0.0.1:7000   [::1]   [::1]:7000        one address
 *     a:7000,b:7000,[::1]:7000                                     a list of them
 *
 * `readAddress` returns null for what is no address, and leaves the words to its caller; `readAddressList` throws a
 * ConfigError that names the (redacted) connection string. Names are not resolved here.
 */
import { isIPv6 } from 'node:net';
import { ConfigError } from './errors.js';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The text of an address, with the brackets of IPv6: `a:7000`, `[::1]:7000`. */
export function addressText({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** `defaultPort` null: the port must be given. */
export function readAddress(text: string, defaultPort: number | null): Address | null {
  const match = /^(?:\[([^\]]*)\]|([\p{L}\p{N}._-]+))(?::(\d{1,5}))?$/u.exec(text);
  if (match === null) return null;
  const [, v6, name, digits] = match;
  const port = digits === undefined ? defaultPort : Number(digits);
  if (port === null || port < 1 || port > 65535) return null;
  if (v6 === undefined) return { host: name ?? '', port };
  return isIPv6(v6) ? { host: shortest(v6), port } : null;
}

/** `0:0:0:0:0:0:0:1` is `::1`; one with a zone (`fe80::1%eth0`) stays as it is. */
function shortest(v6: string): string {
  return v6.includes('%') ? v6 : new URL(`redis://[${v6}]`).hostname.slice(1, -1);
}

/** At least one, in the order given. `shown` is the connection string without its secrets. */
export function readAddressList(text: string, defaultPort: number, shown: string): readonly Address[] {
  if (text === '') throw new ConfigError(`'${shown}' names no host: expected host[:port] behind '//'.`);
  if (/\s/.test(text)) {
    throw new ConfigError(
      `'${shown}' has a space among its hosts: separate them by commas alone, host:port,host:port.`,
    );
  }
  const addresses = text.split(',').map((element) => readElement(element, defaultPort, shown));
  const seen = new Set<string>();
  for (const address of addresses) {
    const key = addressText(address).toLowerCase();
    if (seen.has(key)) throw new ConfigError(`'${shown}' names ${addressText(address)} twice: give each address once.`);
    seen.add(key);
  }
  return addresses;
}

function readElement(element: string, defaultPort: number, shown: string): Address {
  if (element === '') {
    throw new ConfigError(`'${shown}' has an empty element among its hosts: expected host:port,host:port.`);
  }
  const port = /:(\d+)$/.exec(element.replace(/^\[[^\]]*\]/, ''))?.[1];
  if (port !== undefined && Number(port) === 0) {
    throw new ConfigError(`'${shown}' has port 0: expected a port from 1 to 65535.`);
  }
  if (port !== undefined && Number(port) > 65535) {
    throw new ConfigError(`'${shown}' has port ${port}, which is over 65535: expected a port from 1 to 65535.`);
  }
  const address = readAddress(element, defaultPort);
  if (address === null) {
    throw new ConfigError(`'${shown}' has the host '${element}': expected host[:port], an IPv6 address in brackets.`);
  }
  return address;
}
