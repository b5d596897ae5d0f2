/** Both sides, their nodes, and which of them are not asked because they failed. */
import type { Overview, Side } from '../admin/control.js';
import { count } from './format.js';

const SIDES: readonly Side[] = ['source', 'target'];
const STATES = { up: '✓ up', down: '✗ down', degraded: '⚠ degraded' };

export function ServersCard({ overview }: { overview: Overview }) {
  return (
    <section class="card" aria-labelledby="servers">
      <h2 id="servers">Servers</h2>
      {SIDES.map((side) => (
        <ServerSide key={side} side={side} overview={overview} />
      ))}
    </section>
  );
}

function ServerSide({ side, overview }: { side: Side; overview: Overview }) {
  const { kind, url, state, version, nodes } = overview.status[side];
  const breakers = overview.breakers.filter((breaker) => breaker.side === side);
  return (
    <>
      <h3>
        <span class={`swatch ${side}`} aria-hidden="true" /> {side}
        {overview.status.authority === side && ' (the truth)'}
      </h3>
      <p>
        <code>{url}</code>
        <br />
        {kind}
        {version !== '' && `, Redis ${version}`}: <strong data-testid={`${side}-state`}>{STATES[state]}</strong>
      </p>
      <ul class="nodes">
        {breakers.map(({ node, open }) => {
          const slots = nodes.find(({ address }) => address === node)?.slots;
          return (
            <li key={node}>
              {open ? '✗ breaker open, not asked' : '✓ breaker closed'}
              {node !== url && (
                <>
                  : <code>{node}</code>
                </>
              )}
              {slots !== undefined && `, ${count(slots)} slots`}
            </li>
          );
        })}
      </ul>
    </>
  );
}
