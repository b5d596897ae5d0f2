/** A violation in words: what was done, how far an order could be found, and what cannot come next. */
import type { Furthest, Operation } from './checker.js';
import type { Args, Call, State } from './model.js';
import { type Reply, show } from './resp.js';

const SHOWN_BEFORE = 12;

export function explain(object: string, furthest: Furthest<State, Call, Reply>): string {
  const order = furthest.order.slice(-SHOWN_BEFORE).map((operation) => `    ${line(operation)}`);
  const stuck = furthest.stuck.map((operation) => `    ${line(operation)}`);
  const state = [...furthest.state].map(([key, value]) => `    ${key} = ${showValue(value)}`);
  return [
    `object ${object}: no order of its operations explains the replies`,
    `  the longest order found has ${furthest.order.length} operations and ends with`,
    ...order,
    '  then the object is',
    ...state,
    '  and none of these can come next',
    ...stuck,
  ].join('\n');
}

export function line(operation: Operation<Call, Reply>): string {
  const { session, invokedAt, repliedAt, call, reply } = operation;
  const until = repliedAt === Infinity ? '…' : repliedAt;
  return `session ${session} [${invokedAt}–${until}] ${showCall(call)} → ${show(reply)}`;
}

function showCall(call: Call): string {
  if (call.kind === 'exec') return `EXEC(${call.calls.map(showArgs).join('; ')})`;
  if (call.kind === 'observed')
    return `observed ${[...call.state].map(([key, v]) => `${key} = ${showValue(v)}`).join(', ')}`;
  return `${showArgs(call.args)}${call.kind === 'denied' ? ' (denied)' : ''}`;
}

function showArgs(args: Args): string {
  return args.map((arg) => (arg.length > 50 ? `${arg.slice(0, 50)}…` : arg)).join(' ');
}

function showValue(value: { readonly ttl: boolean } & object): string {
  const text = JSON.stringify(
    'text' in value ? value.text : 'items' in value ? value.items : Reflect.get(value, 'members'),
  );
  const short = text.length > 240 ? `${text.slice(0, 60)} … ${text.slice(-160)}` : text;
  return value.ttl ? `${short} (expires)` : short;
}
