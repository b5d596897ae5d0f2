/** The alert rules and the Grafana dashboard of docs/ against the metrics that a Ferry really exports. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { Stage } from '../journey/stage.js';
import { type Exported, exportedBy, objections, selectorsOf } from './promql.js';

const file = (name: string): string => fileURLToPath(new URL(`../../../docs/observability/${name}`, import.meta.url));
const ALERTS = file('alerts.yml');

/** Those of the contract; more may be added, none may go. */
const CONTRACT = [
  'ferry_commands_total{command,side}',
  'ferry_command_duration_seconds_bucket{side}',
  'ferry_fallback_reads_total',
  'ferry_read_repairs_total',
  'ferry_mirror_ops_total{class}',
  'ferry_mirror_errors_total',
  'ferry_mirror_backlog_bytes',
  'ferry_mirror_lag_seconds',
  'ferry_dirty_keys',
  'ferry_uncertain_writes_total',
  'ferry_clients_connected',
  'ferry_phase{phase}',
  'ferry_backfill_keys_total{result}',
  'ferry_verify_differences{kind}',
  'ferry_cutover_pause_seconds',
  'ferry_breaker_open{node}',
  'process_cpu_seconds_total',
  'nodejs_eventloop_lag_p99_seconds',
];

const duration = z.string().regex(/^\d+[smh]$/);
const rulesFile = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^Ferry[A-Z]\w+$/),
          expr: z.string(),
          for: duration.optional(),
          labels: z.strictObject({ severity: z.enum(['page', 'warn']) }),
          annotations: z.strictObject({ summary: z.string(), description: z.string() }),
        }),
      ),
    }),
  ),
});
const target = z.object({ refId: z.string(), expr: z.string() });
const panel = z.object({
  id: z.number(),
  type: z.enum(['row', 'stat', 'timeseries']),
  title: z.string().min(1),
  gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
  targets: z.array(target).default([]),
});
const dashboardFile = z.object({
  title: z.literal('Ferry'),
  uid: z.string(),
  schemaVersion: z.number(),
  templating: z.object({ list: z.array(z.object({ name: z.string(), definition: z.string().optional() })) }),
  annotations: z.object({ list: z.array(z.object({ expr: z.string() })) }),
  panels: z.array(panel),
});

const { groups } = rulesFile.parse(parse(readFileSync(ALERTS, 'utf8')));
const rules = groups.flatMap((group) => group.rules);
const dashboard = dashboardFile.parse(JSON.parse(readFileSync(file('grafana.json'), 'utf8')));

let stage: Stage;
let exported: Exported;

beforeAll(async () => {
  stage = await Stage.open();
  const client = await stage.client();
  await client.send('SET', 'a', '1');
  await stage.readyForCutover();
  await client.send('GET', 'a');
  await stage.goTo('target-first');
  await client.send('GET', 'a');
  const answer = await fetch(`http://127.0.0.1:${stage.ferry.adminPort}/metrics`);
  exported = exportedBy(await answer.text());
});
afterAll(() => stage?.close());

test.each(CONTRACT)('%s is exported', (signature) => {
  const [, name = '', labels] = /^(\w+)(?:\{(.+)\})?$/.exec(signature) ?? [];
  expect(exported.names).toContain(name);
  const sample = exported.samples.find((one) => one.name === name);
  expect(Object.keys(sample?.labels ?? {})).toEqual(expect.arrayContaining(labels?.split(',') ?? []));
});

describe('alert rules', () => {
  test.each(rules.map((rule) => [rule.alert, rule] as const))('%s speaks of what is exported', (_name, { expr }) => {
    expect(selectorsOf(expr).length).toBeGreaterThan(0);
    expect(objections(expr, exported)).toEqual([]);
  });

  test('names are used once', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  });

  test('promtool agrees, where there is one', (context) => {
    const checked = spawnSync('promtool', ['check', 'rules', ALERTS], { encoding: 'utf8' });
    if (checked.error !== undefined) return context.skip();
    expect(checked.stdout + checked.stderr).toContain(`${rules.length} rules found`);
    expect(checked.status).toBe(0);
  });
});

describe('the Grafana dashboard', () => {
  test.each(dashboard.panels.filter(({ type }) => type !== 'row').map((one) => [one.title, one] as const))(
    '%s shows what is exported',
    (_title, { targets }) => {
      expect(targets.length).toBeGreaterThan(0);
      for (const { expr } of targets) {
        expect(selectorsOf(expr).length).toBeGreaterThan(0);
        expect(objections(expr, exported)).toEqual([]);
      }
    },
  );

  test('so do its variables and annotations', () => {
    const expressions = [
      ...dashboard.annotations.list.map(({ expr }) => expr),
      ...dashboard.templating.list.flatMap(({ definition }) => definition ?? []),
    ];
    expect(expressions.flatMap((expression) => objections(expression, exported))).toEqual([]);
  });

  test('panels lie beside each other, not on each other', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...dashboard.panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24);
  });
});

test('the check itself finds what is wrong', () => {
  const wrong = 'rate(ferry_no_such_total[5m]) > 0.5e3 and on(instance) ferry_phase{phase="dual-writes"} == 1';
  expect(objections(wrong, exported)).toEqual([
    'there is no metric ferry_no_such_total',
    'ferry_phase has no phase="dual-writes"',
  ]);
  expect(selectorsOf('sum by (side, le) (rate(a_b{x="}"}[5m] offset 1h)) / on(i) group_left(z) c')).toEqual([
    { metric: 'a_b', matchers: [{ label: 'x', operator: '=', value: '}' }] },
    { metric: 'c', matchers: [] },
  ]);
});
