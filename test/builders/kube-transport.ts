import { afterEach, beforeAll, expect } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { createEgress, type EgressOptions } from '../../src/lib/egress.ts';
import type { KubeAccess } from '../../src/store/kube/credentials.ts';
import {
  type CallInfo,
  createHttpsTransport,
  type HttpsTransportOptions,
} from '../../src/store/kube/https-transport.ts';
import { KubeError } from '../../src/store/kube/kube-error.ts';
import type { KubeTransport } from '../../src/store/kube/transport.ts';
import {
  createTestAuthority,
  type KubeReply,
  type KubeResponder,
  type SeenCall,
  startKubeResponder,
  type TestAuthority,
  type TestCertificate,
} from './kube-responder.ts';

/** A path that every test may ask for. */
export const THINGS = '/api/v1/things';
export const OK: KubeReply = { json: { kind: 'Thing' } };

/** Who the transport is to be, as a test says it; it may change at any time. */
export interface Me {
  token: string;
  ca?: string | undefined;
  cert?: string;
  key?: string;
  servername?: string;
  rejectUnauthorized?: boolean;
  /** How often the transport asked for new credentials. */
  forgotten: number;
  onForget?: () => void;
}

export interface TransportSetting {
  /** Default: {@link OK} to everything. */
  readonly reply?: (call: SeenCall, index: number) => KubeReply;
  readonly clientCa?: string;
  readonly access?: Partial<KubeAccess>;
  readonly me?: Partial<Me>;
  /** Where the transport is sent instead. */
  readonly server?: (url: string) => string;
  readonly egress?: Partial<EgressOptions>;
  readonly options?: Partial<HttpsTransportOptions>;
  /** Without TLS. */
  readonly plain?: boolean;
}

export interface TransportWorld {
  readonly authority: TestAuthority;
  /** The responder's. */
  readonly certificate: TestCertificate;
  /** Run after the test, last first. */
  readonly closing: (() => unknown)[];
  start(setting?: TransportSetting): Promise<{
    responder: KubeResponder;
    transport: KubeTransport;
    calls: CallInfo[];
    me: Me;
  }>;
}

/** Transports over real TLS to scripted responders, closed after each test of the file. */
export function useTransports(): TransportWorld {
  let authority: TestAuthority;
  let certificate: TestCertificate;
  const closing: (() => unknown)[] = [];
  beforeAll(async () => {
    authority = await createTestAuthority();
    certificate = await authority.issue('kube', ['kube.example']);
  });
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
  });

  return {
    get authority() {
      return authority;
    },
    get certificate() {
      return certificate;
    },
    closing,
    async start(setting = {}) {
      const { reply = () => OK, clientCa, plain = false } = setting;
      const responder = await startKubeResponder(reply, {
        ...(plain ? {} : { certificate }),
        ...(clientCa ? { clientCa } : {}),
      });
      closing.push(() => responder.close());
      const me: Me = { token: 'secret-token', ca: authority.ca, forgotten: 0, ...setting.me };
      const calls: CallInfo[] = [];
      const transport = createHttpsTransport({
        access: accessTo(setting.server?.(responder.url) ?? responder.url, me, setting.access),
        egress: createEgress({ mode: 'loopback', ...setting.egress }),
        clock: systemClock,
        random: () => 0,
        userAgent: 'aiops-operator/1.2.3 (linux/amd64)',
        onCall: (info) => calls.push(info),
        ...setting.options,
      });
      closing.push(() => transport.close());
      return { responder, transport, calls, me };
    },
  };
}

function accessTo(server: string, me: Me, fields: Partial<KubeAccess> = {}): KubeAccess {
  return {
    server,
    servername: undefined,
    namespace: 'default',
    proxy: undefined,
    describe: () => `${server} (context "test")`,
    authorise: async () => {
      const { token, ca, cert, key, servername, rejectUnauthorized, forgotten } = me;
      const headers = { Authorization: `Bearer ${token}` };
      return { ca, cert, key, servername, rejectUnauthorized, headers, generation: forgotten };
    },
    forget: () => {
      me.forgotten += 1;
      me.onForget?.();
    },
    ...fields,
  };
}

/** An answer in the form of a Kubernetes `Status`. */
export function statusReply(code: number, fields: object = {}, headers: Record<string, string> = {}): KubeReply {
  return { code, headers, json: { kind: 'Status', code, ...fields } };
}

/** The `KubeError` that some work fails with. It must hold nothing secret: tests call everything so that starts with `secret-`. */
export async function kubeFailure(work: Promise<unknown>): Promise<KubeError> {
  const error = await work.then(
    () => new Error('it succeeded'),
    (one: unknown) => one,
  );
  expect(error).toBeInstanceOf(KubeError);
  const { causes, cause } = error as KubeError;
  expect(JSON.stringify([String(error), causes, String(cause)])).not.toMatch(/secret-/);
  return error as KubeError;
}

/** Waits in real time until something is so. */
export async function until(met: () => boolean): Promise<void> {
  while (!met()) await new Promise((resolve) => setTimeout(resolve, 2));
}
