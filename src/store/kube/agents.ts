import type http from 'node:http';
import type { AgentOptions, Egress, TlsIdentity } from '../../lib/egress.ts';
import { isSameIdentity, type KubeAccess } from './credentials.ts';

/** The connections of one transport. */
export interface Agents {
  /** The agents for whoever we are at this moment. Others than before: idle connections go, running requests end on the old ones. */
  for(identity: TlsIdentity): AgentPair;
  /** Closes every connection and keeps none that is being opened. */
  close(): void;
}

export interface AgentPair {
  /** For calls: connections are used again. */
  readonly calls: http.Agent;
  /** For answers that go on, and whatever needs a new connection: each has its own. */
  readonly single: http.Agent;
}

/** A name server, a proxy and TLS take a second at most; a lost SYN is sent again after one and after three. */
const CONNECT_TIMEOUT_MS = 5000;
/** The API server closes idle connections after 90 s; ours go well before. */
const IDLE_MS = 60_000;
/** Then the system asks each second: a dead peer is noticed after about 25 s of silence. */
const PROBE_AFTER_MS = 15_000;

/** @param maxSockets connections for calls; kept up by the caller, since Node counts those that are being opened as none */
export function createAgents(egress: Egress, access: KubeAccess, maxSockets: number): Agents {
  const protocol = access.server.startsWith('https:') ? 'https:' : 'http:';
  let current: { readonly identity: TlsIdentity; readonly pair: AgentPair } | undefined;

  const open = (identity: TlsIdentity): AgentPair => {
    const shared: AgentOptions = {
      tls: identity,
      proxy: access.proxy,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      probeAfterMs: PROBE_AFTER_MS,
      // Who reads an answer bounds it.
      maxAnswerBytes: Number.POSITIVE_INFINITY,
    };
    return {
      calls: egress.agent(protocol, { ...shared, maxSockets, idleMs: IDLE_MS }),
      single: egress.agent(protocol, { ...shared, maxSockets: Number.POSITIVE_INFINITY, keepAlive: false }),
    };
  };

  return {
    for(identity) {
      if (current && isSameIdentity(current.identity, identity)) return current.pair;
      if (current) drain(current.pair.calls);
      current = { identity, pair: open(identity) };
      return current.pair;
    },
    close() {
      if (!current) return;
      for (const agent of Object.values(current.pair)) {
        drain(agent);
        agent.destroy();
      }
      current = undefined;
    },
  };
}

/** Lets requests end and keeps no connection after them. */
function drain(agent: http.Agent): void {
  agent.keepSocketAlive = () => false;
  for (const socket of Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? [])) socket.destroy();
}
