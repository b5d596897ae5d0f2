/**
 * Charts of the HTML report: horizontal bars as inline SVG, one row for each thing. Colours are the page's (CSS variables), so
 * they follow light and dark. Each has its figures in text beside the bars, and says as a whole what it shows.
 */
export interface Row {
  readonly label: string;
  readonly value: number;
  /** what stands behind the bar */
  readonly text: string;
  /** of `value`, what is drawn in the second colour, from the right */
  readonly second?: number;
}

const ROW = 26;
const BAR = 14;
const LABELS = 170;
const BARS = 330;
const TEXTS = 190;
const LABEL_MAX = 26;

export function barChart(title: string, rows: readonly Row[]): string {
  const width = LABELS + BARS + TEXTS;
  const height = rows.length * ROW + 4;
  const largest = Math.max(1, ...rows.map(({ value }) => value));
  const drawn = rows.map((row, i) => bar(row, i * ROW + 2, largest)).join('');
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(title)}">${drawn}</svg>`;
}

function bar({ label, value, text, second = 0 }: Row, top: number, largest: number): string {
  const length = (value / largest) * BARS;
  const [first, rest] = value === 0 ? [0, 0] : [length * (1 - second / value), length * (second / value)];
  const middle = top + ROW / 2 + 4;
  const y = top + (ROW - BAR) / 2;
  const shown = label.length > LABEL_MAX ? `${label.slice(0, LABEL_MAX - 1)}…` : label;
  return [
    `<text x="${LABELS - 8}" y="${middle}" text-anchor="end">${escapeHtml(shown)}</text>`,
    first > 0 ? `<rect class="first" x="${LABELS}" y="${y}" width="${first.toFixed(1)}" height="${BAR}" rx="2"/>` : '',
    rest > 0
      ? `<rect class="second" x="${(LABELS + first).toFixed(1)}" y="${y}" width="${rest.toFixed(1)}" height="${BAR}" rx="2"/>`
      : '',
    `<text class="figure" x="${(LABELS + length + 8).toFixed(1)}" y="${middle}">${escapeHtml(text)}</text>`,
  ].join('');
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
