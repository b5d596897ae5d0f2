/** Which metrics and labels a PromQL expression speaks of: enough of its grammar to tell names from everything else. */

export interface Selector {
  metric: string;
  matchers: { label: string; operator: '=' | '!=' | '=~' | '!~'; value: string }[];
}

/** Words that are no metrics where no '(' or '{' stands behind them. */
const WORDS = new Set([
  'and',
  'or',
  'unless',
  'by',
  'on',
  'without',
  'ignoring',
  'group_left',
  'group_right',
  'bool',
  'offset',
]);

const SELECTOR = /([a-zA-Z_:][\w:]*)\s*(\{((?:[^}"]|"(?:[^"\\]|\\.)*")*)\})?/g;
const MATCHER = /(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"/g;

export function selectorsOf(expression: string): Selector[] {
  const bare = expression
    .replace(/\b(by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ')
    .replace(/\[[^\]]*\]/g, ' ')
    .replace(/\blabel_values\(([^,]+),[^)]*\)/g, ' $1 ');
  const found: Selector[] = [];
  for (const match of bare.matchAll(SELECTOR)) {
    const [whole, metric = '', , inside = ''] = match;
    const before = bare[match.index - 1] ?? ' ';
    const after = bare.slice(match.index + whole.length).trimStart()[0];
    // a number's exponent or unit, a function, a word of the language
    if (/[\w.]/.test(before) || after === '(' || WORDS.has(metric)) continue;
    const matchers = [...inside.matchAll(MATCHER)].map(([, label = '', operator = '=', value = '']) => ({
      label,
      operator: operator as '=',
      value,
    }));
    found.push({ metric, matchers });
  }
  return found;
}

export interface Exported {
  /** every series' name, those of a histogram with their endings */
  names: ReadonlySet<string>;
  samples: { name: string; labels: Record<string, string> }[];
}

/** From the text of GET /metrics. */
export function exportedBy(text: string): Exported {
  const names = new Set<string>();
  for (const [, name = '', type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    if (type === 'histogram') for (const ending of ['bucket', 'sum', 'count']) names.add(`${name}_${ending}`);
    else names.add(name);
  }
  const samples = [...text.matchAll(/^([a-zA-Z_]\w*)(?:\{(.*)\})? \S+$/gm)].map(([, name = '', inside = '']) => ({
    name,
    labels: Object.fromEntries([...inside.matchAll(MATCHER)].map(([, label, , value]) => [label, value])),
  }));
  return { names, samples };
}

/** What is wrong with an expression, given what there is; empty when nothing is. */
export function objections(expression: string, { names, samples }: Exported): string[] {
  return selectorsOf(expression).flatMap(({ metric, matchers }) => {
    // Prometheus' own
    if (metric === 'up') return [];
    if (!names.has(metric)) return [`there is no metric ${metric}`];
    return matchers
      .filter(({ label }) => label !== 'instance' && label !== 'job')
      .flatMap(({ label, operator, value }) => {
        const values = samples.filter(({ name }) => name === metric).map(({ labels }) => labels[label]);
        // each alternative must be one that is exported
        const wanted = operator.includes('~') ? value.split('|') : [value];
        return wanted.filter((one) => !values.includes(one)).map((one) => `${metric} has no ${label}="${one}"`);
      });
  });
}
