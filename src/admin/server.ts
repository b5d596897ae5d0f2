/**
 * The admin HTTP API. Every call is a thin translation to FerryControl; docs: the table in README and `GET /`.
 *
 *     GET  /healthz /readyz /metrics /api/status /api/verify/differences /api/leave
 *          /api/report /api/dashboard / /assets/…                     never change anything
 *     POST /api/explain                                              changes nothing either
 *     POST /api/phase /api/backfill /api/verify /api/abort /api/reload /api/preflight     JSON, or nothing, as body
 *
 * Who may call (access.ts): with a token everyone who has it; without one only this machine. A POST that names an origin, as
 * every browser's does, must come from the API's own: so no form or script of some web page can make one. A path that takes
 * another method is a 405.
 * A POST is put on the record with its caller (caller.ts).
 * Errors are `{"error": "…"}`; a refused step is a 409 with its `blockers`.
 */
import { Readable } from 'node:stream';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { z } from 'zod';
import { StartError } from '../config/errors.js';
import { checkAdminAddress } from '../config/loopback.js';
import type { Logger } from '../observe/log.js';
import { redactUrl } from '../observe/redact.js';
import { PHASES } from '../phases/phase.js';
import { accessGuard } from './access.js';
import { callerOf } from './caller.js';
import { BACKFILL_ACTIONS, type FerryControl, type StepResult } from './control.js';
import { differenceLines } from './differences.js';
import { Metrics, type MetricsSource } from './metrics.js';
import { type PageFile, readPage } from './page.js';

export interface AdminOptions {
  readonly host: string;
  /** 0 takes a free one */
  readonly port: number;
  readonly token: string | null;
}

export interface AdminServer {
  readonly port: number;
  stop(): Promise<void>;
}

const MAX_BODY_BYTES = 64 * 1024;
/** To send a request, not to answer it. */
const REQUEST_TIMEOUT_MS = 10_000;
/** Nothing is guessed, framed, or kept by a browser; a page gets its scripts, styles and data from here and nowhere else. */
const SAFE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

const phaseBody = z.strictObject({
  to: z.enum(PHASES),
  from: z.enum(PHASES).optional(),
  force: z.boolean().optional(),
  share: z.number().min(0).max(100).optional(),
  dryRun: z.boolean().optional(),
  maxPauseMs: z.number().min(0).optional(),
  known: z.array(z.string().min(1)).optional(),
});
const backfillBody = z.strictObject({ action: z.enum(BACKFILL_ACTIONS), rate: z.number().int().min(0).optional() });
const verifyBody = z.strictObject({ repair: z.boolean().optional(), force: z.boolean().optional() });
/** The command's words: text, or {"base64": …} for bytes that are none. */
const explainBody = z.strictObject({
  args: z.array(z.union([z.string(), z.strictObject({ base64: z.base64() })])).min(1),
  db: z.number().int().min(0).optional(),
});
const abortBody = z.strictObject({ from: z.enum(PHASES).optional() });
const emptyBody = z.strictObject({});
const sinceQuery = z.object({ since: z.coerce.number().min(0).default(0) });

/** Listens, or throws a StartError that says why not. */
export async function startAdminServer(
  control: FerryControl,
  metricsSource: MetricsSource,
  options: AdminOptions,
  log: Logger,
): Promise<AdminServer> {
  checkAdminAddress(options);
  const http = fastify({
    bodyLimit: MAX_BODY_BYTES,
    forceCloseConnections: true,
    requestTimeout: REQUEST_TIMEOUT_MS,
  });
  const page = readPage();
  // in this order: who may not call learns nothing of what there is
  http.addHook('onRequest', accessGuard(options.token, new Set(page.keys())));
  http.addHook('onRequest', async (request, reply) =>
    request.is404 ? answerMissing(http, request, reply) : undefined,
  );
  acceptOnlyJson(http);
  answerErrorsAsJson(http, log);
  http.addHook('onSend', async (_request, reply) => {
    reply.headers(SAFE_HEADERS);
  });
  addPage(http, page);
  addReading(http, control, new Metrics(metricsSource));
  addSteps(http, control, log);
  try {
    await http.listen({ host: options.host, port: options.port });
  } catch (error) {
    throw cannotListen(error, options);
  }
  const address = http.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  return { port, stop: () => http.close() };
}

function addPage(http: FastifyInstance, files: ReadonlyMap<string, PageFile>): void {
  for (const [path, { type, body }] of files) http.get(path, (_request, reply) => reply.type(type).send(body));
}

function addReading(http: FastifyInstance, control: FerryControl, metrics: Metrics): void {
  http.get('/healthz', () => ({ ok: true }));
  http.get('/readyz', (_request, reply) => {
    const ready = control.ready();
    return ready.ok ? { ok: true } : reply.code(503).send({ error: ready.reason });
  });
  http.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
  http.get('/api/status', () => control.status());
  http.get('/api/dashboard', (request) => {
    const { since } = parse(sinceQuery, request.query, 'The query');
    return control.overview(since);
  });
  http.get('/api/leave', () => control.leave());
  http.get('/api/report', () => control.report());
  http.post('/api/explain', (request) => {
    const { args, db = 0 } = parseBody(explainBody, request.body);
    const bytes = args.map((arg) => (typeof arg === 'string' ? Buffer.from(arg) : Buffer.from(arg.base64, 'base64')));
    return control.explain(bytes, db);
  });
  http.get('/api/verify/differences', (_request, reply) =>
    reply.type('application/x-ndjson').send(Readable.from(differenceLines(control.differences()))),
  );
}

function addSteps(http: FastifyInstance, control: FerryControl, log: Logger): void {
  http.post('/api/phase', async (request, reply) => {
    const body = parseBody(phaseBody, request.body);
    const by = callerOf(request);
    log.info({ ...body, by }, 'asked to change the phase');
    return answerStep(control, await control.changePhase(body, by), reply, 200);
  });
  http.post('/api/abort', async (request, reply) => {
    const { from } = parseBody(abortBody, request.body);
    const by = callerOf(request);
    log.info({ by }, 'asked to abort');
    return answerStep(control, await control.abort(by, from), reply, 200);
  });
  // it changes nothing, but it is work for the servers: no page may be made to ask for it
  http.post('/api/preflight', (request) => {
    parseBody(emptyBody, request.body);
    log.info('asked for a preflight');
    return control.preflight();
  });
  http.post('/api/reload', (request) => {
    parseBody(emptyBody, request.body);
    const by = callerOf(request);
    log.info({ by }, 'asked to read the configuration again');
    try {
      return control.reload(by);
    } catch (error) {
      throw new BadRequest(`Nothing was changed. ${(error as Error).message}`);
    }
  });
  http.post('/api/backfill', async (request, reply) => {
    const { action, rate } = parseBody(backfillBody, request.body);
    const by = callerOf(request);
    log.info({ action, rate, by }, 'asked for the backfill');
    return answerStep(control, await control.backfill(action, rate, by), reply, 202);
  });
  http.post('/api/verify', async (request, reply) => {
    const { repair = false, force = false } = parseBody(verifyBody, request.body);
    const by = callerOf(request);
    log.info({ repair, force, by }, 'asked for a verification');
    return answerStep(control, await control.verify({ repair, force }, by), reply, 202);
  });
}

function answerStep(control: FerryControl, result: StepResult, reply: FastifyReply, done: 200 | 202): FastifyReply {
  if (!result.ok) return reply.code(409).send({ error: result.error, blockers: result.blockers });
  const { ok: _, ...measured } = result;
  return reply.code(done).send({ ...control.status(), ...measured });
}

/** A request that the caller got wrong. */
class BadRequest extends Error {
  readonly statusCode = 400;
}

function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  return parse(schema, body ?? {}, 'The body');
}

function parse<T>(schema: z.ZodType<T>, value: unknown, whole: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue === undefined || issue.path.length === 0 ? whole : `'${issue.path.join('.')}'`;
  throw new BadRequest(`${where} is wrong: ${issue?.message ?? 'not understood'}.`);
}

/** Whatever type it is said to be: programs that send JSON do not always say so (`curl -d`). */
function acceptOnlyJson(http: FastifyInstance): void {
  http.removeAllContentTypeParsers();
  http.addContentTypeParser('*', { parseAs: 'string' }, (_request, text, done) => {
    if (text.length === 0) return done(null, {});
    try {
      done(null, JSON.parse(String(text)));
    } catch {
      done(new BadRequest('The body is not JSON.'));
    }
  });
}

/** Nothing there, or not with this method. */
function answerMissing(http: FastifyInstance, { method, url }: FastifyRequest, reply: FastifyReply): FastifyReply {
  const path = url.split('?')[0] ?? '';
  const allowed = (['GET', 'POST'] as const).filter((other) => http.hasRoute({ method: other, url: path }));
  if (allowed.length === 0) return reply.code(404).send({ error: `There is no ${method} ${path}.` });
  reply.header('allow', allowed.join(', '));
  return reply.code(405).send({ error: `${path} takes ${allowed.join(' and ')}, not ${method}.` });
}

function answerErrorsAsJson(http: FastifyInstance, log: Logger): void {
  http.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const code = error.statusCode ?? 500;
    if (code >= 500) log.error({ err: error, call: request.routeOptions.url }, 'an admin call failed');
    return reply.code(code).send({ error: redactUrl(error.message) });
  });
}

function cannotListen(error: unknown, { host, port }: AdminOptions): StartError {
  const { code } = error as NodeJS.ErrnoException;
  const why =
    code === 'EADDRINUSE'
      ? `The admin address ${host}:${port} is already in use`
      : `The admin API cannot listen on ${host}:${port} (${code ?? String(error)})`;
  return new StartError(2, `${why}: choose another --admin.`);
}
