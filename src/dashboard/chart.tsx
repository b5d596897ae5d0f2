/**
 * The last five minutes as lines (uPlot), with a legend that says the newest values as text: the picture itself is hidden
 * from screen readers. Colours come from the style sheet, so that light and dark need nothing here but a redraw.
 */
import { useEffect, useId, useRef } from 'preact/hooks';
import UPlot from 'uplot';
import type { Sample } from '../admin/control.js';
import { rate } from './format.js';
import { columnsOf, type Series } from './series.js';

/** A Ferry that has just started has little to show. */
const LEAST_SECONDS = 60;
const MOST_SECONDS = 300;
const HEIGHT_PX = 180;
const FONT = '12px system-ui, sans-serif';

interface Props {
  title: string;
  series: readonly Series[];
  samples: readonly Sample[];
}

export function Chart({ title, series, samples }: Props) {
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | null>(null);

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const made = new UPlot(optionsFor(series, element), [[]], element);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: widthOf(element), height: HEIGHT_PX }));
    resized.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const redraw = (): void => made.redraw(false, true);
    scheme.addEventListener('change', redraw);
    return () => {
      scheme.removeEventListener('change', redraw);
      resized.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [series]);
  useEffect(() => {
    plot.current?.setData(columnsOf(samples, series) as UPlot.AlignedData);
  }, [samples, series]);

  const newest = samples.at(-1);
  return (
    <figure aria-labelledby={id}>
      <figcaption id={id}>{title}</figcaption>
      <div ref={box} class="plot" aria-hidden="true" />
      <ul class="legend">
        {series.map(({ label, colour, dash, value }) => (
          <li key={label}>
            <svg viewBox="0 0 24 6" width="24" height="6" aria-hidden="true">
              <line
                x1="0"
                y1="3"
                x2="24"
                y2="3"
                stroke={`var(${colour})`}
                stroke-width="2"
                stroke-dasharray={dash.join(' ')}
              />
            </svg>
            {label}: <b>{newest === undefined ? '–' : rate(value(newest))}</b>
          </li>
        ))}
      </ul>
    </figure>
  );
}

function optionsFor(series: readonly Series[], element: HTMLElement): UPlot.Options {
  const axis: UPlot.Axis = {
    font: FONT,
    stroke: () => colour('--muted'),
    grid: { stroke: () => colour('--line'), width: 1 },
    ticks: { stroke: () => colour('--line'), width: 1 },
  };
  return {
    width: widthOf(element),
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { drag: { x: false, y: false } },
    scales: {
      x: { range: (_plot, min, max) => shownSpan(min, max) },
      y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] },
    },
    axes: [
      {
        ...axis,
        space: 70,
        values: (_plot, splits) => splits.map((s) => new Date(s * 1000).toLocaleTimeString('en-GB')),
      },
      { ...axis, size: 56, values: (_plot, splits) => splits.map(rate) },
    ],
    series: [
      {},
      ...series.map(({ label, colour: name, dash }) => ({
        label,
        dash: [...dash],
        width: 2,
        stroke: () => colour(name),
        points: { show: false },
      })),
    ],
  };
}

/** Without data there are no ends, whatever the types of uPlot say. */
function shownSpan(min: number | null, max: number | null): UPlot.Range.MinMax {
  if (min === null || max === null) return [null, null];
  return [max - Math.min(MOST_SECONDS, Math.max(LEAST_SECONDS, max - min)), max];
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name);
}

function widthOf(element: HTMLElement): number {
  return Math.max(200, element.clientWidth);
}
