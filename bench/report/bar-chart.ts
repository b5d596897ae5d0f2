/** Bars in groups: the median as a bar, the rounds' range as a thin line over it, and what is to be reached as a dashed one. */
import { figure, tickText } from './figures.js';
import { document, element, line, SERIES_COLOURS, text, ticksTo } from './svg.js';

export interface BarChart {
  readonly title: string;
  readonly unit: string;
  /** names of the bars of a group, in their order */
  readonly series: readonly string[];
  readonly groups: readonly BarGroup[];
}

export interface BarGroup {
  readonly name: string;
  /** by series; null where there is none */
  readonly bars: readonly (Bar | null)[];
  readonly target?: number;
}

export interface Bar {
  readonly value: number;
  readonly min: number;
  readonly max: number;
}

const WIDTH = 760;
const ROW_HEIGHT = 20;
const GROUP_GAP = 16;
const LEFT = 190;
const RIGHT = 70;
const TOP = 66;
const BOTTOM = 30;

export function barChart({ title, unit, series, groups }: BarChart): string {
  const height = TOP + groups.length * (series.length * ROW_HEIGHT + GROUP_GAP) + BOTTOM;
  const bars = groups.flatMap((group) => group.bars.flatMap((bar) => bar ?? []));
  const ticks = ticksTo(Math.max(...bars.map(({ max }) => max), ...groups.map(({ target }) => target ?? 0)));
  const x = (value: number): number => LEFT + (Math.max(0, value) / ticks.at(-1)!) * (WIDTH - LEFT - RIGHT);
  const parts = [text(0, 16, title, { class: 'title' }), text(0, 34, unit, { class: 'dim' }), ...legend(series)];
  for (const tick of ticks) {
    parts.push(line(x(tick), TOP - 6, x(tick), height - BOTTOM + 4, 'grid'));
    parts.push(text(x(tick), height - BOTTOM + 20, tickText(tick), { class: 'dim', 'text-anchor': 'middle' }));
  }
  for (const [g, group] of groups.entries()) {
    const top = TOP + g * (series.length * ROW_HEIGHT + GROUP_GAP);
    const middle = top + (series.length * ROW_HEIGHT) / 2;
    parts.push(text(LEFT - 10, middle + 4, group.name, { 'text-anchor': 'end' }));
    for (const [s, bar] of group.bars.entries()) {
      if (bar !== null) parts.push(...drawn(bar, s, top + s * ROW_HEIGHT, x));
    }
    if (group.target !== undefined) {
      parts.push(line(x(group.target), top - 3, x(group.target), top + series.length * ROW_HEIGHT + 1, 'bar'));
    }
  }
  return document(WIDTH, height, title, parts);
}

function drawn({ value, min, max }: Bar, series: number, top: number, x: (value: number) => number): string[] {
  const height = ROW_HEIGHT - 5;
  const middle = top + height / 2;
  return [
    element('rect', { x: x(0), y: top, width: Math.max(1, x(value) - x(0)), height, class: colour(series) }),
    line(x(min), middle, x(max), middle, 'range'),
    text(Math.max(x(value), x(max)) + 6, middle + 4, figure(value)),
  ];
}

export function legend(series: readonly string[]): string[] {
  let left = 0;
  return series.flatMap((name, s) => {
    const at = left;
    left += 34 + name.length * 6.6;
    return [element('rect', { x: at, y: 43, width: 11, height: 11, class: colour(s) }), text(at + 16, 53, name)];
  });
}

export function colour(series: number): string {
  return `s${series % SERIES_COLOURS}`;
}
