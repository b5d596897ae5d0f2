/**
 * The control connection gets out of step: one answer on it is taken for the beginning of an array of hundreds, which the
 * next answers seem to be parts of. Answers keep coming, and no question has one.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { FerryProcess } from '../journey/process.js';
import { Stage } from '../journey/stage.js';
import { Wire } from '../journey/wire.js';

/** Before the target: hands everything on, but for one answer to the first question about Ferry's rights when armed. */
class OutOfStep {
  armed = false;
  /** How many answers it made the beginning of an array. */
  made = 0;
  /** Ferry's ends. */
  private readonly sockets = new Set<Socket>();
  private readonly control = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly port: number,
  ) {}

  static async to(port: number): Promise<OutOfStep> {
    const server = createServer({ noDelay: true });
    const rig = new OutOfStep(server, port);
    server.on('connection', (near) => rig.join(near));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return rig;
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  private join(near: Socket): void {
    const far = connect({ port: this.port, host: '127.0.0.1', noDelay: true });
    let isNext = false;
    near.on('data', (chunk) => {
      if (/:control\r\n/.test(chunk.toString('latin1'))) this.control.add(near);
      if (/tracking/i.test(chunk.toString('latin1'))) isNext = this.armed;
      far.write(chunk);
    });
    far.on('data', (chunk) => {
      if (isNext && this.armed) {
        const at = chunk.indexOf('+OK');
        if (at >= 0) {
          chunk[at] = '*'.charCodeAt(0);
          this.armed = false;
          this.made++;
        }
      }
      near.write(chunk);
    });
    this.sockets.add(near);
    near.on('error', () => {});
    far.on('error', () => {});
    near.on('close', () => {
      this.sockets.delete(near);
      this.control.delete(near);
      far.destroy();
    });
    far.on('close', () => near.destroy());
  }

  cutControl(): void {
    for (const socket of this.control) socket.destroy();
  }

  cutAll(): void {
    for (const socket of this.sockets) if (!this.control.has(socket)) socket.destroy();
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }
}

let stage: Stage | undefined;
let ferry: FerryProcess | undefined;
let rig: OutOfStep | undefined;
afterEach(async () => {
  await ferry?.kill();
  rig?.close();
  await stage?.close();
});

test('it is made anew, and what was lost meanwhile is fenced and repaired', async () => {
  stage = await Stage.open({ ferry: false });
  rig = await OutOfStep.to(stage.target.port);
  ferry = await FerryProcess.prepare([
    '--source',
    stage.source.url,
    '--target',
    rig.url,
    '--state-dir',
    stage.stateDir,
  ]);
  await ferry.start();
  await ferry.phase({ to: 'dual-write' });
  const client = await Wire.open(ferry.port);
  await client.send('SET', 'key', 'before');
  const isClean = ({ mirror }: Awaited<ReturnType<FerryProcess['status']>>): boolean =>
    mirror.dirtyKeys + mirror.dirtySlots + mirror.backlogOps + mirror.uncertain === 0;
  await ferry.until('everything is mirrored', isClean);
  rig.armed = true;
  rig.cutControl();
  await ferry.until('it is out of step', () => rig?.made === 1);
  rig.cutAll();
  await client.send('SET', 'key', 'after');
  await ferry.until('the lost connections are fenced', isClean);
  expect(await stage.differences()).toEqual([]);
});
