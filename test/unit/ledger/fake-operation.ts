/** An operation that notes when the ledger launches it, and does nothing else. */
import { ALL_SLOTS, LANE_SLOTS, Operation } from '../../../src/ledger/operation.js';
import { SLOTS, type SlotLedger } from '../../../src/ledger/slots.js';

export class FakeOperation extends Operation {
  /** Its place in the order of launches, -1 before. */
  launchedAs = -1;
  wasLate = false;
  launches = 0;

  constructor(
    readonly name: string,
    laneId: number,
    slots: readonly number[] | 'all' | 'lane',
    private readonly launched: FakeOperation[],
  ) {
    super();
    this.laneId = laneId;
    if (slots === 'all') this.slot = ALL_SLOTS;
    else if (slots === 'lane') this.slot = LANE_SLOTS;
    else if (slots.length > 0) {
      this.slot = slots[0]!;
      this.moreSlots = slots.length > 1 ? slots.slice(1) : null;
    }
  }

  get slots(): readonly number[] {
    return this.slot < 0 ? [] : [this.slot, ...(this.moreSlots ?? [])];
  }

  launch(late: boolean): void {
    this.launches++;
    this.wasLate = late;
    this.launchedAs = this.launched.length;
    this.launched.push(this);
  }
}

/** What is not zero in a ledger, '' when everything is: no operation left a trace. */
export function traces(ledger: SlotLedger): string {
  const found: string[] = [];
  const { openAll, openTotal, parkedNow, unrepliedTotal } = ledger;
  for (const [name, count] of Object.entries({ openAll, openTotal, parkedNow, unrepliedTotal })) {
    if (count !== 0) found.push(`${name} ${count}`);
  }
  for (let s = 0; s <= SLOTS; s++) {
    if (ledger.unreplied[s] !== 0) found.push(`unreplied[${s}] ${ledger.unreplied[s]}`);
    if (ledger.open[s] !== 0) found.push(`open[${s}] ${ledger.open[s]}`);
  }
  return found.join(', ');
}
