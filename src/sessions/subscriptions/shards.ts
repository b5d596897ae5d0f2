/**
 * SSUBSCRIBE and SUNSUBSCRIBE of a client whose authority is a Cluster: each channel at the node of its slot, confirmed to
 * the client with the bytes and the count that one server with all slots would send.
 *
 * A channel whose slot nobody serves is waited for as any command is (`redirect-wait`); what a node refuses is refused as a
 * whole, as a server would. https://redis.io/commands/ssubscribe
 */
import { bulkReply, errorReply, nullReply } from '../../resp/encode.js';
import { confirmation } from './confirmation.js';
import type { Subscriptions } from './subscriptions.js';

const LOOK_MS = 5;
const NOT_SERVED = 'CLUSTERDOWN Hash slot not served';

export function subscribeShards(subscriptions: Subscriptions, channels: readonly string[]): void {
  const { session, authority, names } = subscriptions;
  const until = performance.now() + authority.side.redirectWaitMs;
  const end = (refusal: string | null): void => {
    if (refusal !== null) {
      authority.refusal = '';
      const reply = errorReply(refusal);
      session.pushOut(reply, 0, reply.length);
    } else {
      for (const channel of channels) {
        names.ssubscribe.add(channel);
        confirm(subscriptions, 'ssubscribe', channel);
      }
    }
    subscriptions.finish();
  };
  const look = (): void => {
    if (subscriptions.isClosed) return;
    const refusal = channels.map((channel) => authority.refusals.get(channel)).find((error) => error !== undefined);
    if (refusal !== undefined) end(refusal);
    else if (channels.every((channel) => authority.hasShard(channel))) end(null);
    else if (performance.now() > until) end(NOT_SERVED);
    else setTimeout(() => (subscriptions.isClosed ? undefined : authority.whenReconciled(look)), LOOK_MS);
  };
  subscriptions.prepare({ kind: 'ssubscribe', names: channels }, look);
}

export function unsubscribeShards(subscriptions: Subscriptions, channels: readonly string[]): void {
  const { session, authority, hearings } = subscriptions;
  const { ssubscribe } = subscriptions.names;
  const before = new Set(ssubscribe);
  for (const channel of channels) ssubscribe.delete(channel);
  for (const hearing of hearings) hearing.reconcile();
  // messages that were sent before come before the confirmations
  authority.whenReconciled(() => {
    if (subscriptions.isClosed) return;
    if (channels.length === 0) {
      const reply = confirmation(session, 'sunsubscribe', nullReply(session.resp), 0);
      session.pushOut(reply, 0, reply.length);
    }
    for (const channel of channels) {
      before.delete(channel);
      confirm(subscriptions, 'sunsubscribe', channel, before.size);
    }
    subscriptions.finish();
  });
}

function confirm({ session, names }: Subscriptions, command: string, channel: string, count?: number): void {
  const name = bulkReply(Buffer.from(channel, 'latin1'));
  const reply = confirmation(session, command, name, count ?? names.ssubscribe.size);
  session.pushOut(reply, 0, reply.length);
}
