/**
 * Switches off the rule of divergence 17 in every routed lane of this process: what is redirected is sent again at once,
 * and what is new goes to the node that the map names, whatever of its slot is still on its way elsewhere. This is how a
 * client library follows MOVED. Returns what switches the rule on again.
 */
import type { Lane } from '../../src/lanes/lane.js';
import { NO_NODE, type Request } from '../../src/lanes/routed/requests.js';
import { RoutedLane, type Routes } from '../../src/lanes/routed/routed-lane.js';
import { ASK, MOVED, redirectedTo, redirectionIn } from '../../src/topology/redirection.js';

interface Insides {
  readonly routes: Routes;
  readonly at: Int16Array;
  laneTo(node: number): Lane;
  route(request: Request): void;
  redirected(request: Request, buf: Buffer, start: number, end: number): boolean;
}

export function withoutFreezing(): () => void {
  const insides = RoutedLane.prototype as unknown as Insides;
  const { route, redirected } = insides;
  insides.route = function (this: Insides, request: Request): void {
    const node = this.routes.map.owner[request.slot]!;
    this.at[request.slot] = node;
    request.transmit(this.laneTo(node));
  };
  insides.redirected = function (this: Insides, request: Request, buf: Buffer, start: number, end: number): boolean {
    const kind = redirectionIn(buf, start, end);
    const to = kind === MOVED || kind === ASK ? redirectedTo(buf, start, end) : null;
    if (to === null) return redirected.call(this, request, buf, start, end);
    const node = this.routes.nodeAt(to.host, to.port, 0);
    request.askNode = kind === ASK ? node : NO_NODE;
    if (kind === MOVED) this.routes.moved(request.slot, node);
    request.transmit(this.laneTo(node));
    return true;
  };
  return () => Object.assign(insides, { route, redirected });
}
