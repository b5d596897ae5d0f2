/** What the clients do: how much, how fast on which side, which commands, which keys. */
import type { Overview, Sample } from '../admin/control.js';
import { Chart } from './chart.js';
import { Facts } from './facts.js';
import { count, keyText, percent, rate } from './format.js';
import type { Series } from './series.js';

const THROUGHPUT: readonly Series[] = [
  { label: 'source', colour: '--source', dash: [], value: ({ source }) => source.perSecond },
  { label: 'target', colour: '--target', dash: [6, 3], value: ({ target }) => target.perSecond },
  { label: 'mirrored', colour: '--mirrored', dash: [2, 3], value: ({ mirrorPerSecond }) => mirrorPerSecond },
];
const LATENCY: readonly Series[] = [
  { label: 'source p50', colour: '--source', dash: [2, 3], value: ({ source }) => source.p50Ms },
  { label: 'source p99', colour: '--source', dash: [], value: ({ source }) => source.p99Ms },
  { label: 'target p50', colour: '--target', dash: [2, 3], value: ({ target }) => target.p50Ms },
  { label: 'target p99', colour: '--target', dash: [6, 3], value: ({ target }) => target.p99Ms },
];

export function TrafficCharts({ samples }: { samples: readonly Sample[] }) {
  return (
    <section class="card wide" aria-labelledby="traffic">
      <h2 id="traffic">Traffic</h2>
      <div class="charts">
        <Chart title="Commands per second, by the side that answered" series={THROUGHPUT} samples={samples} />
        <Chart title="Latency of commands, ms" series={LATENCY} samples={samples} />
      </div>
    </section>
  );
}

export function TrafficTop({ overview }: { overview: Overview }) {
  const { clients, commands } = overview.status;
  const most = overview.commands[0]?.count ?? 0;
  return (
    <section class="card" aria-labelledby="clients">
      <h2 id="clients">Clients and commands</h2>
      <Facts
        facts={[
          { name: 'clients', value: count(clients.connected), id: 'clients' },
          { name: 'blocked', value: count(clients.blocked) },
          { name: 'subscribed', value: count(clients.subscribed) },
          { name: 'commands', value: count(commands.total), id: 'commands' },
          { name: 'per second', value: rate(commands.perSecond) },
          { name: 'reads that fell back', value: count(commands.fallbacks) },
          { name: 'refused by Ferry', value: count(commands.errors) },
        ]}
      />
      <div class="tops">
        <Top
          caption="Commands since the start"
          name="command"
          value="times"
          rows={overview.commands.map(({ command, count: times }) => ({
            name: command.toUpperCase().replace('|', ' '),
            text: count(times),
            share: most === 0 ? 0 : times / most,
          }))}
        />
        <Top
          caption="Key prefixes lately (one command in 64)"
          name="prefix"
          value="share"
          rows={overview.prefixes.map(({ prefix, share }) => ({
            name: prefix === '' ? '(none)' : keyText(prefix),
            text: percent(share),
            share,
          }))}
        />
      </div>
    </section>
  );
}

interface TopProps {
  caption: string;
  name: string;
  value: string;
  rows: { name: string; text: string; share: number }[];
}

function Top({ caption, name, value, rows }: TopProps) {
  return (
    <table>
      <caption>{caption}</caption>
      <thead>
        <tr>
          <th scope="col">{name}</th>
          <th scope="col">{value}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.name}>
            <td>
              <code>{row.name}</code>
            </td>
            <td class="number">
              {row.text}
              <meter aria-hidden="true" min={0} max={1} value={row.share} />
            </td>
          </tr>
        ))}
        {rows.length === 0 && (
          <tr>
            <td colSpan={2}>nothing yet</td>
          </tr>
        )}
      </tbody>
    </table>
  );
}
