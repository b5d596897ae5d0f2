/** Something over something: lines, or dots where each point is a case of its own. */
import { colour, legend } from './bar-chart.js';
import { tickText } from './figures.js';
import { document, element, line, text, ticksTo } from './svg.js';

export interface LineChart {
  readonly title: string;
  readonly xUnit: string;
  readonly yUnit: string;
  readonly series: readonly { readonly name: string; readonly points: readonly (readonly [x: number, y: number])[] }[];
  readonly dots?: boolean;
  /** equal ratios are equally wide; the ticks are the points' own */
  readonly logX?: boolean;
  readonly target?: number;
}

const WIDTH = 760;
const HEIGHT = 320;
const LEFT = 70;
const RIGHT = 20;
const TOP = 70;
const BOTTOM = 44;

export function lineChart({ title, xUnit, yUnit, series, dots = false, logX = false, target }: LineChart): string {
  const points = series.flatMap((one) => one.points);
  const xs = points.map(([x]) => x);
  const yTicks = ticksTo(Math.max(...points.map(([, y]) => y), target ?? 0));
  const xTicks = logX ? [...new Set(xs)].sort((a, b) => a - b) : ticksTo(Math.max(...xs), 8);
  const scaled = logX ? Math.log : (value: number): number => value;
  const [first, last] = [scaled(xTicks[0]!), scaled(xTicks.at(-1)!)];
  const x = (value: number): number => LEFT + ((scaled(value) - first) / (last - first || 1)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number => HEIGHT - BOTTOM - (value / yTicks.at(-1)!) * (HEIGHT - TOP - BOTTOM);
  const parts = [text(0, 16, title, { class: 'title' }), text(0, 34, `${yUnit}, over ${xUnit}`, { class: 'dim' })];
  parts.push(...legend(series.map(({ name }) => name)));
  for (const tick of yTicks) {
    parts.push(line(LEFT, y(tick), WIDTH - RIGHT, y(tick), 'grid'));
    parts.push(text(LEFT - 8, y(tick) + 4, tickText(tick), { class: 'dim', 'text-anchor': 'end' }));
  }
  for (const tick of xTicks) {
    parts.push(text(x(tick), HEIGHT - BOTTOM + 18, tickText(tick), { class: 'dim', 'text-anchor': 'middle' }));
  }
  if (target !== undefined) parts.push(line(LEFT, y(target), WIDTH - RIGHT, y(target), 'bar'));
  for (const [s, one] of series.entries()) {
    if (dots) {
      parts.push(
        ...one.points.map(([px, py]) => element('circle', { cx: x(px), cy: y(py), r: 3.5, class: colour(s) })),
      );
      continue;
    }
    const path = one.points.map(([px, py], i) => `${i === 0 ? 'M' : 'L'}${x(px).toFixed(1)} ${y(py).toFixed(1)}`);
    parts.push(element('path', { d: path.join(' '), class: `line ${colour(s)}` }));
  }
  return document(WIDTH, HEIGHT, title, parts);
}
