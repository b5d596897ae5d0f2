/**
 * A session-and-cart shop on Redis, as an application would write it: strings, counters, hashes, lists, sets, sorted
 * sets, MULTI, Lua, deadlines, reached by one connection string.
 *
 * What makes it a witness of a migration: it records every acknowledged write (record.ts) and holds every reply against
 * that record. A reply that contradicts it makes the request fail, so that the load generator sees it too.
 */
import { type Audit, auditServer } from './audit.js';
import { Catalogue } from './catalogue.js';
import { Customers } from './customers.js';
import { WriteRecord } from './record.js';
import { Store } from './store.js';

const CONNECTIONS = 4;

export class Shop {
  readonly record = new WriteRecord();
  readonly catalogue: Catalogue;
  readonly customers: Customers;
  private readonly store: Store;

  constructor(url: string) {
    this.store = new Store(url, this.record, CONNECTIONS);
    this.catalogue = new Catalogue(this.store);
    this.customers = new Customers(this.store, this.catalogue);
  }

  /** Resolves when the shelves are stocked. */
  async open(): Promise<void> {
    await this.store.open();
    await this.catalogue.stockUp();
  }

  /** Holds the record against a server, which is read directly. Only while no request is in flight. */
  audit(url: string): Promise<Audit> {
    return auditServer(this.record, url);
  }

  close(): void {
    this.store.close();
  }
}
