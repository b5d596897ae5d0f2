/**
 * What a browser sees at `/` until there is a dashboard: which calls exist.
 */
export const FRONT_PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Ferry</title>
<h1>Ferry</h1>
<p>This is the admin API of a running Ferry. A dashboard comes later; until then, <code>ferry status --watch</code>.</p>
<ul>
<li><a href="/api/status">/api/status</a>: phase, both sides, backfill, verification</li>
<li><a href="/api/verify/differences">/api/verify/differences</a>: what the last verification found, one JSON object per line</li>
<li><a href="/api/report">/api/report</a>: the record of the migration</li>
<li><a href="/metrics">/metrics</a>: for Prometheus</li>
<li><a href="/healthz">/healthz</a>, <a href="/readyz">/readyz</a>: for load balancers</li>
</ul>
</html>
`;
