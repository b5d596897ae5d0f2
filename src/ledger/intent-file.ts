/**
 * The write-intent bitmap on disk (ledger/intent.ts): one small file next to the state, written in place and synced.
 *
 *   64 bytes   what it is, and of which migration
 *   2,048      one bit for each slot, lowest bit first
 *
 * A write that is torn by a crash leaves of each bit the old or the new value, which is all that is asked: the bits of
 * writes that were let go are on disk before, and those that a commit was about to set belong to writes that never left.
 * A file that is not there, or not of this migration, says "every slot". 0600.
 */
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BITMAP_BYTES, type IntentStore } from './intent.js';
import { SLOTS } from './slots.js';

const FILE = 'intent.bits';
const HEADER_BYTES = 64;

export class IntentFile implements IntentStore {
  private handle: FileHandle | null = null;
  private readonly page = Buffer.alloc(HEADER_BYTES + BITMAP_BYTES);

  constructor(
    private readonly directory: string,
    migrationId: string,
  ) {
    this.page.write(`ferry write intent 1 ${migrationId}\n`, 'latin1');
  }

  /** A 1 for each slot whose bit is set; null when nobody can tell. */
  async load(): Promise<Uint8Array | null> {
    let found: Buffer;
    try {
      const file = await open(this.path, 'r');
      try {
        found = await file.readFile();
      } finally {
        await file.close();
      }
    } catch {
      return null;
    }
    const isOurs =
      found.length === this.page.length && found.compare(this.page, 0, HEADER_BYTES, 0, HEADER_BYTES) === 0;
    if (!isOurs) return null;
    const marks = new Uint8Array(SLOTS);
    for (let slot = 0; slot < SLOTS; slot++) {
      marks[slot] = (found[HEADER_BYTES + (slot >> 3)]! >> (slot & 7)) & 1;
    }
    return marks;
  }

  async write(bits: Buffer): Promise<void> {
    bits.copy(this.page, HEADER_BYTES);
    if (this.handle === null) this.handle = await this.create();
    else {
      await this.handle.write(this.page, 0, this.page.length, 0);
      await this.handle.datasync();
    }
  }

  async discard(): Promise<void> {
    await this.close();
    await rm(this.path, { force: true });
    await this.syncDirectory();
  }

  async close(): Promise<void> {
    const { handle } = this;
    this.handle = null;
    await handle?.close();
  }

  private get path(): string {
    return join(this.directory, FILE);
  }

  /** With its first content, or not at all. */
  private async create(): Promise<FileHandle> {
    const temporary = `${this.path}.new`;
    const file = await open(temporary, 'w', 0o600);
    try {
      await file.write(this.page, 0, this.page.length, 0);
      await file.sync();
      await rename(temporary, this.path);
      await this.syncDirectory();
    } catch (error) {
      await file.close();
      throw error;
    }
    return file;
  }

  private async syncDirectory(): Promise<void> {
    const directory = await open(this.directory, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }
}
