/**
 * How ioredis connects where Ferry uses it (control connections, sentinels): as a lane does, with names resolved by whoever
 * resolves Ferry's names.
 */
import { connect, type LookupFunction } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';

export function connectorWith(lookup: LookupFunction): NonNullable<RedisOptions['Connector']> {
  return class extends AbstractConnector {
    private readonly options: RedisOptions;

    constructor(options: unknown) {
      const given = options as RedisOptions & { disconnectTimeout: number };
      super(given.disconnectTimeout);
      this.options = given;
    }

    connect(): ReturnType<AbstractConnector['connect']> {
      const { host, port, path, tls } = this.options;
      this.connecting = true;
      this.firstError = undefined;
      const to = path === undefined || path === null ? { host, port, lookup } : { path };
      const stream =
        tls === undefined ? connect(to as { path: string }) : connectTls({ ...to, ...tls } as ConnectionOptions);
      this.stream = stream;
      // every one, and not the first: over TLS a second may follow, which nobody else listens to any more
      stream.on('error', (error) => {
        this.firstError ??= error;
      });
      return Promise.resolve(stream);
    }
  };
}
