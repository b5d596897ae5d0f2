/** What is shipped to run Ferry with: does it name options, paths and addresses that there are? */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfig } from '../../../src/config/load.js';
import { envName, OPTIONS, type OptionName } from '../../../src/config/options.js';

const ROOT = join(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const ENV_NAMES = new Set(Object.keys(OPTIONS).map((name) => envName(name as OptionName)));
const URLS = { FERRY_SOURCE: 'redis://source:6379', FERRY_TARGET: 'redis://target:6379' };

interface Service {
  readonly build?: string | { readonly context: string; readonly target?: string };
  readonly image?: string;
  readonly environment?: Record<string, string>;
  readonly depends_on?: string[] | Record<string, unknown>;
  readonly volumes?: string[];
  readonly command?: string | string[];
}

const compose = parse(read('docker-compose.yml'), { merge: true }) as { services: Record<string, Service> };

/** `ENV name=value …` and `COPY [--from=…] from … to` of the Dockerfile's last stage. */
function imageEnvironment(): Record<string, string> {
  const last = read('Dockerfile')
    .split(/^FROM /m)
    .at(-1)!;
  return Object.fromEntries([...last.matchAll(/\b(FERRY_[A-Z_]+)=(\S+)/g)].map(([, name, value]) => [name!, value!]));
}

test('docker-compose: every FERRY_ variable is an option, and together they are a configuration', () => {
  const { environment = {} } = compose.services.ferry!;
  for (const name of Object.keys(environment)) expect(ENV_NAMES).toContain(name);
  const config = loadConfig({}, { ...imageEnvironment(), ...environment });
  expect(config.source).toMatchObject({ kind: 'standalone' });
  expect(config.target).toMatchObject({ kind: 'cluster' });
  expect(config.target.kind === 'cluster' && config.target.addresses.length).toBe(3);
});

test('docker-compose: services, build stages and mounted files are there', () => {
  const { services } = compose;
  const stages = [...read('Dockerfile').matchAll(/^FROM \S+ AS (\S+)/gm)].map(([, stage]) => stage);
  for (const [name, service] of Object.entries(services)) {
    expect(service.image ?? service.build, name).toBeDefined();
    const needs = Array.isArray(service.depends_on) ? service.depends_on : Object.keys(service.depends_on ?? {});
    for (const other of needs) expect(Object.keys(services)).toContain(other);
    if (typeof service.build === 'object' && service.build.target !== undefined)
      expect(stages).toContain(service.build.target);
    for (const volume of service.volumes ?? []) {
      const [from = ''] = volume.split(':');
      if (from.startsWith('.')) expect(existsSync(join(ROOT, from)), `${name}: ${from}`).toBe(true);
    }
  }
  expect(existsSync(join(ROOT, 'bench/app/main.ts'))).toBe(true);
  expect(services.app!.command).toBe('node dist/bench/app/main.js');
});

test('docker-compose: Prometheus has the token and the address of Ferry, Grafana that of Prometheus', () => {
  const { scrape_configs: jobs } = parse(read('docs/deploy/prometheus.yml')) as {
    scrape_configs: { authorization: { credentials: string }; static_configs: { targets: string[] }[] }[];
  };
  expect(jobs[0]!.authorization.credentials).toBe(compose.services.ferry!.environment!.FERRY_ADMIN_TOKEN);
  expect(jobs[0]!.static_configs[0]!.targets).toEqual([`ferry:${imageEnvironment().FERRY_ADMIN!.split(':')[1]}`]);
  expect(read('docs/deploy/grafana/datasource.yml')).toContain('http://prometheus:9090');
});

test('the image runs as a user without rights, has what it starts, and asks whether it is ready', () => {
  const file = read('Dockerfile');
  const last = file.split(/^FROM /m).at(-1)!;
  expect(last).toMatch(/^USER node$/m);
  expect(last).toContain('/readyz');
  expect(last).toContain('/ferry/bin/ferry.js /usr/local/bin/ferry');
  for (const path of ['package.json', 'package-lock.json', 'bin', 'LICENSE'])
    expect(existsSync(join(ROOT, path))).toBe(true);
  loadConfig({}, { ...imageEnvironment(), ...URLS, FERRY_ADMIN_TOKEN: 'x' });
});

test('systemd: the unit starts Ferry with options that there are', () => {
  const unit = read('docs/deploy/ferry.service');
  const [, flags = ''] = /^ExecStart=\S+ ferry serve (.*)$/m.exec(unit)!;
  for (const [, name] of flags.matchAll(/--([a-z-]+)/g)) expect([...Object.keys(OPTIONS), 'config']).toContain(name);
  expect(unit).toContain(`--state-dir /var/lib/${/^StateDirectory=(.*)$/m.exec(unit)![1]}`);
});

test('Kubernetes: one Ferry at a time, with options that there are and its own probes', () => {
  const documents = parseAllDocuments(read('docs/deploy/kubernetes.yaml')).map((one) => one.toJS());
  const { spec } = documents.find(({ kind }) => kind === 'Deployment');
  const [container] = spec.template.spec.containers;
  expect(spec).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } });
  for (const arg of container.args) if (arg.startsWith('--')) expect(Object.keys(OPTIONS)).toContain(arg.slice(2));
  for (const { name } of container.env) expect(ENV_NAMES).toContain(name);
  expect(container.livenessProbe.httpGet.path).toBe('/healthz');
  expect(container.readinessProbe.httpGet.path).toBe('/readyz');
  const claims = documents.filter(({ kind }) => kind === 'PersistentVolumeClaim').map(({ metadata }) => metadata.name);
  expect(claims).toContain(spec.template.spec.volumes[0].persistentVolumeClaim.claimName);
});
