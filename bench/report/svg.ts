/**
 * SVG by hand: text, lines and rectangles, readable on a light page and on a dark one, since colours follow the reader's
 * system. No background, no script, no fonts of its own.
 */

export type Attributes = Readonly<Record<string, string | number>>;

/** Colours by class: `s0` … `s5` are the series, each told apart in brightness too. */
const STYLE = `
text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
.title { font-size: 14px; font-weight: 600; }
.dim { fill: #59636e; }
.grid { stroke: #d1d9e0; stroke-width: 1; }
.range { stroke: #59636e; stroke-width: 1.5; }
.bar { stroke: #cf222e; stroke-width: 1.5; stroke-dasharray: 4 3; }
.line { fill: none; stroke-width: 2; }
.s0 { fill: #0969da; } .line.s0 { stroke: #0969da; }
.s1 { fill: #bc4c00; } .line.s1 { stroke: #bc4c00; }
.s2 { fill: #2da44e; } .line.s2 { stroke: #2da44e; }
.s3 { fill: #8250df; } .line.s3 { stroke: #8250df; }
.s4 { fill: #8c959f; } .line.s4 { stroke: #8c959f; }
.s5 { fill: #d4a72c; } .line.s5 { stroke: #d4a72c; }
.line { fill: none !important; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .dim { fill: #9198a1; }
  .grid { stroke: #3d444d; }
  .range { stroke: #9198a1; }
  .bar { stroke: #ff7b72; }
  .s0 { fill: #58a6ff; } .line.s0 { stroke: #58a6ff; }
  .s1 { fill: #f0883e; } .line.s1 { stroke: #f0883e; }
  .s2 { fill: #56d364; } .line.s2 { stroke: #56d364; }
  .s3 { fill: #bc8cff; } .line.s3 { stroke: #bc8cff; }
}`;

export const SERIES_COLOURS = 6;

/** `label` is what a screen reader says. */
export function document(width: number, height: number, label: string, parts: readonly string[]): string {
  const attributes = { xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${width} ${height}`, width, height };
  const inside = [`<title>${escapeText(label)}</title>`, `<style>${STYLE}\n</style>`, ...parts].join('\n');
  return `${element('svg', { ...attributes, role: 'img' }, `\n${inside}\n`)}\n`;
}

export function element(name: string, attributes: Attributes, content?: string): string {
  const text = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeText(shown(value))}"`);
  return content === undefined ? `<${name}${text.join('')}/>` : `<${name}${text.join('')}>${content}</${name}>`;
}

export function text(x: number, y: number, content: string, more: Attributes = {}): string {
  return element('text', { x, y, ...more }, escapeText(content));
}

export function line(x1: number, y1: number, x2: number, y2: number, kind: string): string {
  return element('line', { x1, y1, x2, y2, class: kind });
}

export function escapeText(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** Tenths of a pixel are enough, and keep the files the same where nothing changed. */
function shown(value: string | number): string {
  return typeof value === 'number' ? String(Math.round(value * 10) / 10) : value;
}

/** Up to about `count` round numbers from 0 to `max` or a little beyond. */
export function ticksTo(max: number, count = 5): number[] {
  if (!(max > 0)) return [0, 1];
  const rough = max / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((one) => one >= rough)!;
  const ticks = [0];
  while (ticks.at(-1)! < max * 0.999) ticks.push(Number((ticks.length * step).toPrecision(12)));
  return ticks;
}
