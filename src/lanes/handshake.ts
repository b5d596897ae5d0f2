/**
 * The steps that make a connection a lane: HELLO (login, name, id), the server's run id, SELECT.
 *
 * One `HELLO n AUTH user password SETNAME name` opens a lane for users with narrow rights too, and returns the id
 * that fencing needs. A server without HELLO (before 6.0) gets AUTH and CLIENT SETNAME. The run id is read from
 * INFO where the user may call it: a new one means a new process, so what was known about its data is void.
 * https://redis.io/commands/hello
 */
import { encodeCommand } from '../resp/encode.js';
import { type Reply, ReplyFault, type Resp } from '../resp/values.js';
import { authCommand, credentialBytes } from './credential-text.js';
import type { Credentials } from './identity.js';
import { infoField } from './info.js';
import { type HandshakeStep, type Lane, LaneRefused } from './lane.js';

export interface HandshakeOptions {
  readonly credentials: Credentials;
  /** The protocol version of the replies; 2 where it is not given. */
  readonly resp?: Resp;
  /** CLIENT SETNAME: no spaces. */
  readonly connectionName: string;
  /** SELECTed in this order; the last one stays. Empty: database 0. */
  readonly dbs: readonly number[];
  /** READONLY: a Cluster's replica answers reads of its master's slots. */
  readonly readsReplica?: boolean;
  /** Told the run id whenever it could be read, before the lane counts as up. */
  onRunId?(runId: string): void;
  /** A database was selected without an error. */
  onSelected?(db: number): void;
}

export function handshakeSteps(lane: Lane, options: HandshakeOptions): HandshakeStep[] {
  const { username, password } = options.credentials;
  const login = password === null ? [] : ['AUTH', credentialBytes(username ?? 'default'), credentialBytes(password)];
  const hello: HandshakeStep = {
    command: encodeCommand(['HELLO', options.resp ?? 2, ...login, 'SETNAME', options.connectionName]),
    accept(reply) {
      if (reply instanceof ReplyFault) {
        if (options.resp !== 3 && /unknown command|NOPROTO|syntax|NOPERM.*'hello'/i.test(reply.message)) {
          return olderLogin(lane, options);
        }
        throw refusal(reply);
      }
      lane.clientId = helloField(reply, 'id');
      lane.connectionName = options.connectionName;
      return undefined;
    },
  };
  const steps = [hello];
  if (options.onRunId !== undefined) {
    const told = options.onRunId.bind(options);
    steps.push({
      command: encodeCommand(['INFO', 'server']),
      accept(reply) {
        const runId = Buffer.isBuffer(reply) ? infoField(reply.toString('latin1'), 'run_id') : '';
        if (runId !== '') told(runId);
        return undefined;
      },
    });
  }
  if (options.readsReplica === true) {
    steps.push({
      command: encodeCommand(['READONLY']),
      accept(reply) {
        if (reply instanceof ReplyFault) throw refusal(reply);
        return undefined;
      },
    });
  }
  for (const db of options.dbs) {
    if (db === 0 && options.dbs.length === 1) continue;
    steps.push({
      command: encodeCommand(['SELECT', db]),
      accept(reply) {
        if (reply instanceof ReplyFault) throw refusal(reply);
        options.onSelected?.(db);
        return undefined;
      },
    });
  }
  return steps;
}

function olderLogin(lane: Lane, options: HandshakeOptions): HandshakeStep[] {
  const { username, password } = options.credentials;
  const steps: HandshakeStep[] = [];
  if (password !== null) {
    steps.push({
      command: encodeCommand(authCommand(username, password)),
      accept(reply) {
        if (reply instanceof ReplyFault) throw refusal(reply);
        return undefined;
      },
    });
  }
  // a name is for fencing and for people who look; a server that refuses it still serves
  steps.push({
    command: encodeCommand(['CLIENT', 'SETNAME', options.connectionName]),
    accept(reply) {
      if (!(reply instanceof ReplyFault)) lane.connectionName = options.connectionName;
      return undefined;
    },
  });
  steps.push({
    command: encodeCommand(['CLIENT', 'ID']),
    accept(reply) {
      if (!(reply instanceof ReplyFault)) lane.clientId = Number(reply);
      return undefined;
    },
  });
  return steps;
}

/** Errors that the same login will meet again; anything else (LOADING, BUSY …) is worth another attempt. */
function refusal(fault: ReplyFault): Error {
  return /^(WRONGPASS|NOAUTH|NOPERM|NOPROTO|ERR)/.test(fault.message) && !/max number of clients/.test(fault.message)
    ? new LaneRefused(fault.message)
    : new Error(fault.message);
}

function helloField(reply: Reply, field: string): number {
  if (!Array.isArray(reply)) return 0;
  for (let i = 0; i + 1 < reply.length; i += 2) {
    if (String(reply[i]) === field) return Number(reply[i + 1]);
  }
  return 0;
}
