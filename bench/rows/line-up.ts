/** Who runs in a row against other proxies: a Ferry that nothing was asked of yet, the peers, and the server itself. */
import type { Contestant } from '../harness/contest.js';
import { fill } from '../harness/fill.js';
import type { PeerName } from '../harness/peers.js';
import { asContestant, type Site } from '../harness/site.js';
import type { RowContext } from './row.js';

interface Values {
  readonly keys: number;
  readonly valueBytes: number;
}

/** All of them have the same server behind them, with the same keys. `names`: only these peers; all that are here without. */
export async function lineUp(
  context: RowContext,
  site: Site,
  values: Values,
  names: readonly PeerName[] = [...context.peers.keys()],
): Promise<Contestant[]> {
  const [source, target] = [await site.redis('the source'), await site.redis('the target')];
  await fill(source.port, values);
  const ferry = await site.ferry({ source: source.url, target: target.url });
  const contestants: Contestant[] = [asContestant('Ferry', ferry)];
  for (const name of names) {
    const peer = context.peers.get(name);
    if (peer !== undefined) contestants.push(await site.peer(peer, source.port));
  }
  contestants.push({ name: 'directly', port: source.port, pid: null });
  return contestants;
}
