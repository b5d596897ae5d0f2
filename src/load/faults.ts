/**
 * What went wrong with single commands of a load: all are counted, the first ones kept. What is never sent is known before the
 * replies to what comes before it, and connections answer as they like, so they do not come in the order of the file.
 */
export interface LoadFault {
  /** as a person reads it, see show.ts */
  command: string;
  /** of its first byte, or of its record's, in the (unpacked) file */
  offset: number;
  /** counted from 1; not for RESP files */
  line?: number;
  /** the server's error, or Ferry's own words for what was never sent */
  message: string;
}

const KEPT = 1000;

export class Faults {
  count = 0;
  private readonly kept: LoadFault[] = [];

  /** `tell` is called for each one that is kept, at once. */
  constructor(private readonly tell: (fault: LoadFault, number: number) => void) {}

  /** Those that are kept, in the order of the file. */
  get inOrder(): LoadFault[] {
    return this.kept.toSorted((a, b) => a.offset - b.offset);
  }

  add(command: string, offset: number, line: number, message: string): void {
    this.count++;
    if (this.kept.length === KEPT) return;
    const fault = line === 0 ? { command, offset, message } : { command, offset, line, message };
    this.kept.push(fault);
    this.tell(fault, this.count);
  }
}
