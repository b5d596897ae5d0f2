/**
 * What went wrong with single commands of a load: all are counted, the first ones kept.
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
  readonly kept: LoadFault[] = [];

  /** `tell` is called for each one that is kept, at once. */
  constructor(private readonly tell: (fault: LoadFault, number: number) => void) {}

  add(command: string, offset: number, line: number, message: string): void {
    this.count++;
    if (this.kept.length === KEPT) return;
    const fault = line === 0 ? { command, offset, message } : { command, offset, line, message };
    this.kept.push(fault);
    this.tell(fault, this.count);
  }
}
