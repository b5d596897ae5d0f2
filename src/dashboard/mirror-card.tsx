/** How far the mirror is behind, and what may differ now. */
import type { Overview, Sample } from '../admin/control.js';
import { Chart } from './chart.js';
import { Facts } from './facts.js';
import { bytes, count, rate } from './format.js';
import type { Series } from './series.js';

const LAG: readonly Series[] = [
  { label: 'lag, ms', colour: '--lag', dash: [], value: ({ mirrorLagMs }) => mirrorLagMs },
  { label: 'operations waiting', colour: '--waiting', dash: [6, 3], value: ({ backlogOps }) => backlogOps },
  { label: 'dirty keys', colour: '--dirty', dash: [2, 3], value: ({ dirtyKeys }) => dirtyKeys },
];

export function MirrorCard({ overview, samples }: { overview: Overview; samples: readonly Sample[] }) {
  const { mirror } = overview.status;
  return (
    <section class="card" aria-labelledby="mirror">
      <h2 id="mirror">Mirror</h2>
      <Facts
        facts={[
          { name: 'lag', value: `${rate(overview.mirrorLagMs)} ms` },
          { name: 'operations waiting', value: `${count(mirror.backlogOps)} (${bytes(mirror.backlogBytes)})` },
          { name: 'dirty keys', value: count(mirror.dirtyKeys), id: 'dirty' },
          { name: 'dirty slots', value: count(mirror.dirtySlots) },
          { name: 'uncertain connections', value: count(mirror.uncertain) },
          { name: 'keys repaired', value: count(mirror.repairedKeys) },
        ]}
      />
      <Chart title="How far the mirror is behind" series={LAG} samples={samples} />
    </section>
  );
}
