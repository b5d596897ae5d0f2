/**
 * Reads every recorded key from a server or a Cluster, directly, and judges it against the record.
 *
 * The shop must be quiet meanwhile (no request in flight), otherwise keys move between being read and being judged.
 */
import { askDirectly, type Direct, openDirectly } from './direct.js';
import type { Expectation } from './expectations.js';
import type { WriteRecord } from './record.js';

export interface Audit {
  keys: number;
  acknowledgedWrites: number;
  lostWrites: number;
  /** effects on the server that no acknowledged write explains */
  unexpectedWrites: number;
  /** keys of which only a lower bound could be demanded */
  undecidedKeys: number;
  examples: string[];
}

const KEYS_PER_BATCH = 500;
const MAX_EXAMPLES = 20;

export async function auditServer(record: WriteRecord, url: string): Promise<Audit> {
  const audit: Audit = {
    keys: record.size,
    acknowledgedWrites: record.acknowledgedWrites,
    lostWrites: 0,
    unexpectedWrites: 0,
    undecidedKeys: 0,
    examples: [],
  };
  const direct = await openDirectly(url);
  try {
    let batch: Expectation[] = [];
    for (const expectation of record.all()) {
      batch.push(expectation);
      if (batch.length < KEYS_PER_BATCH) continue;
      await auditBatch(direct, batch, audit);
      batch = [];
    }
    await auditBatch(direct, batch, audit);
  } finally {
    direct.disconnect();
  }
  return audit;
}

async function auditBatch(direct: Direct, batch: readonly Expectation[], audit: Audit): Promise<void> {
  const queries = batch.map((expectation) => expectation.queries());
  const replies = await askDirectly(direct, queries.flat(), 'text');
  const nowMs = Date.now();
  let next = 0;
  batch.forEach((expectation, i) => {
    const own = replies.slice(next, (next += queries[i]!.length));
    const failure = own.find(([error]) => error !== null)?.[0];
    // a key of another type than the one that was written: whatever was written there is gone
    const verdict =
      failure == null
        ? expectation.judge(
            own.map(([, reply]) => reply),
            nowMs,
          )
        : { lost: 1, unexpected: 0, detail: failure.message };
    if (expectation.undecided) audit.undecidedKeys++;
    audit.lostWrites += verdict.lost;
    audit.unexpectedWrites += verdict.unexpected;
    if (verdict.detail !== '' && audit.examples.length < MAX_EXAMPLES) {
      audit.examples.push(`${expectation.key}: ${verdict.detail}`);
    }
  });
}
