/** What 10,000 clients that are connected and do nothing cost in memory. */

import { openFilesLimit, peakRssMb, rssMb } from '../harness/process-figures.js';
import { pidOf } from '../harness/site.js';
import { LoadDriver } from '../load/driver.js';
import { single, unmeasured, valueAtMost } from '../report/measure.js';
import type { Row } from './row.js';
import { pause } from './timing.js';

const CLIENTS = 10_000;
/** besides those of the clients */
const SPARE_FILES = 200;
/** until what was only needed for connecting is let go */
const SETTLE_MS = 5000;

export const idleClients: Row = {
  id: 'clients-10000',
  title: '10,000 connected clients',
  bar: '≤ 250 MB RSS',
  async measure({ site: newSite, scale, progress, signal }) {
    const about = { row: 'clients-10000', unit: 'MB RSS' };
    const clients = Math.ceil(CLIENTS * scale);
    if (openFilesLimit() < clients + SPARE_FILES) {
      const why = `only ${openFilesLimit()} open files are allowed here: raise that (ulimit -n ${clients + SPARE_FILES})`;
      return { measures: [unmeasured({ ...about, name: 'connected, idle', bar: valueAtMost(250) }, why)] };
    }
    const site = newSite();
    const [source, target] = [await site.redis('the source'), await site.redis('the target')];
    const ferry = await site.ferry({ source: source.url, target: target.url });
    const pid = pidOf(ferry.child);
    const before = rssMb(pid) ?? Number.NaN;
    progress(0.2, `${clients} clients connect`);
    const crowd = await LoadDriver.crowd(Number(new URL(ferry.url).port), clients, site.cleanup);
    progress(0.6, `${clients} clients are connected`);
    await pause(SETTLE_MS * scale, signal);
    const [now, peak] = [rssMb(pid) ?? Number.NaN, peakRssMb(pid) ?? Number.NaN];
    const connected = await crowd.window();
    const { clients: seen } = await ferry.admin.status();
    if (connected !== clients || seen.connected !== clients) {
      throw new Error(`of ${clients} clients ${connected} stayed, and Ferry counts ${seen.connected}`);
    }
    return {
      measures: [
        single({ ...about, name: 'connected, idle', bar: valueAtMost(250) }, [now]),
        single({ ...about, name: 'peak', bar: valueAtMost(250) }, [peak]),
        single({ ...about, name: 'without clients' }, [before]),
        single({ ...about, name: 'for one client', unit: 'KB' }, [((now - before) * 1024) / clients]),
      ],
    };
  },
};
