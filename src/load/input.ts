/**
 * The bytes of what is loaded: a file, a pipe or stdin (`-`), unpacked if they begin as gzip does.
 *
 * Positions are those of the unpacked bytes. A chunk is never written to again. Reading from an offset is a seek in a
 * plain file; elsewhere what lies before is read and dropped.
 */
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { StartError } from '../config/errors.js';

const CHUNK_BYTES = 1024 * 1024;
const GZIP_FIRST = 0x1f;
const GZIP_SECOND = 0x8b;

/** The bytes end too early, or are no gzip any more: what came before is right. */
export class BrokenInput extends Error {
  override readonly name = 'BrokenInput';
}

export class LoadInput {
  /** So many bytes of the file have been read, packed ones if it is packed. */
  bytesRead = 0;

  private constructor(
    /** of the file; null for a pipe or stdin */
    readonly totalBytes: number | null,
    readonly isPacked: boolean,
    private readonly file: FileHandle | null,
    private readonly stream: Readable | null,
    private readonly rest: AsyncIterator<Buffer> | null,
    /** of the stream, read already to see what it is */
    private readonly first: Buffer,
  ) {}

  /** @throws StartError that says why it cannot be read */
  static async open(path: string): Promise<LoadInput> {
    try {
      if (path === '-') return await LoadInput.ofStream(process.stdin);
      const file = await open(path, 'r');
      const stat = await file.stat();
      if (stat.isDirectory()) throw Object.assign(new Error('is a directory'), { code: 'it is a directory' });
      if (!stat.isFile()) {
        await file.close();
        return await LoadInput.ofStream(createReadStream(path, { highWaterMark: CHUNK_BYTES }));
      }
      const magic = Buffer.alloc(2);
      await file.read(magic, 0, 2, 0);
      return new LoadInput(stat.size, isGzip(magic), file, null, null, Buffer.alloc(0));
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw new StartError(2, `${path} cannot be read: ${code ?? message}.`);
    }
  }

  private static async ofStream(stream: Readable): Promise<LoadInput> {
    const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    let first = Buffer.alloc(0);
    while (first.length < 2) {
      const { value, done } = await chunks.next();
      if (done === true) break;
      first = Buffer.concat([first, value]);
    }
    return new LoadInput(null, isGzip(first), null, stream, chunks, first);
  }

  /** Once only. @throws BrokenInput */
  async *chunks(from: number): AsyncGenerator<Buffer> {
    if (this.file !== null && !this.isPacked) {
      yield* this.readFile(this.file, from);
      return;
    }
    let skip = from;
    for await (const chunk of this.isPacked ? this.unpacked() : this.packed()) {
      if (skip >= chunk.length) skip -= chunk.length;
      else {
        yield skip === 0 ? chunk : chunk.subarray(skip);
        skip = 0;
      }
    }
  }

  async close(): Promise<void> {
    await this.file?.close().catch(() => {});
    this.cancel();
  }

  /** Whoever waits for a chunk of a pipe gets an error. */
  cancel(): void {
    this.stream?.destroy();
  }

  /** As the bytes are. */
  private async *packed(): AsyncGenerator<Buffer> {
    if (this.file !== null) {
      yield* this.readFile(this.file, 0);
      return;
    }
    if (this.first.length > 0) yield this.counted(this.first);
    for (;;) {
      const { value, done } = await this.rest!.next();
      if (done === true) return;
      yield this.counted(value);
    }
  }

  private async *unpacked(): AsyncGenerator<Buffer> {
    const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
    pipeline(Readable.from(this.packed(), { objectMode: false }), gunzip, () => {});
    try {
      yield* gunzip as AsyncIterable<Buffer>;
    } catch (error) {
      throw new BrokenInput(`the gzip data is broken or cut off (${(error as Error).message})`);
    }
  }

  /** The next piece is read while the last one is used. */
  private async *readFile(file: FileHandle, from: number): AsyncGenerator<Buffer> {
    let position = from;
    this.bytesRead = Math.min(from, this.totalBytes ?? from);
    const read = (): Promise<{ bytesRead: number; buffer: Buffer }> =>
      file.read(Buffer.allocUnsafeSlow(CHUNK_BYTES), 0, CHUNK_BYTES, position);
    let next = read();
    try {
      for (;;) {
        const { bytesRead, buffer } = await next;
        if (bytesRead === 0) return;
        position += bytesRead;
        next = read();
        yield this.counted(buffer.subarray(0, bytesRead));
      }
    } finally {
      // the file must not be closed under a read
      await next.catch(() => {});
    }
  }

  private counted(chunk: Buffer): Buffer {
    this.bytesRead += chunk.length;
    return chunk;
  }
}

function isGzip(bytes: Buffer): boolean {
  return bytes[0] === GZIP_FIRST && bytes[1] === GZIP_SECOND;
}
