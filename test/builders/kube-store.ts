import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { crdYaml } from '../../src/api/crd.ts';
import type { KindDefinition } from '../../src/api/kind.ts';
import type { ObjectKey } from '../../src/api/meta.ts';
import { parseSpec } from '../../src/api/parse.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createEgress } from '../../src/lib/egress.ts';
import { loadKubeConfig } from '../../src/store/kube/credentials.ts';
import { createHttpsTransport } from '../../src/store/kube/https-transport.ts';
import { createInformerMetrics } from '../../src/store/kube/informer-metrics.ts';
import type { KubeStore, KubeStoreOptions } from '../../src/store/kube/kube-store.ts';
import { openKubeStore } from '../../src/store/kube/kube-store.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import type { ControlPlane } from '../../tools/envtest/envtest.ts';
import { captureLog } from './log.ts';
import { SizeKind } from './size-kind.ts';

const SIZES = '/apis/demo.aiops.org/v1';

interface Sized {
  readonly metadata: { readonly resourceVersion: string; readonly namespace: string; readonly name: string };
}

/** A store over a real API server, and the hands of an administrator on it. */
export interface KubeWorld {
  readonly store: KubeStore;
  apply(key: ObjectKey, spec: object, labels?: Readonly<Record<string, string>>): Promise<void>;
  remove(key: ObjectKey): Promise<void>;
  close(): Promise<void>;
}

/** Installs the kind `Size`, whose status may hold anything. */
export async function installSizes(plane: ControlPlane): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'aiops-crd-'));
  try {
    const path = join(folder, 'sizes.yaml');
    writeFileSync(path, stringify(withOpenStatus(SizeKind)));
    await plane.installCrds([path]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function withOpenStatus(kind: KindDefinition): unknown {
  const crd = parse(crdYaml(kind)) as {
    spec: { versions: { schema: { openAPIV3Schema: { properties: Record<string, unknown> } } }[] };
  };
  for (const { schema } of crd.spec.versions) {
    schema.openAPIV3Schema.properties['status'] = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  }
  return crd;
}

/** Opens a store as the administrator, or as `user`. */
export async function openKube(
  plane: ControlPlane,
  options: Partial<KubeStoreOptions> & { readonly clock: Clock; readonly user?: string },
): Promise<KubeWorld> {
  const access = await loadKubeConfig({ kubeconfig: plane.kubeconfig(options.user), env: {}, clock: systemClock });
  const transport = createHttpsTransport({
    access,
    egress: createEgress({ mode: 'loopback' }),
    clock: systemClock,
    random: Math.random,
    userAgent: 'aiops-operator/test (linux/amd64)',
  });
  const store = openKubeStore({
    transport,
    kinds: [SizeKind],
    parse: parseSpec,
    random: Math.random,
    log: captureLog().log,
    metrics: createInformerMetrics(createMetrics()),
    instance: 'test',
    minCellIntervalMs: 0,
    ...options,
  });
  const pathOf = ({ namespace, name }: ObjectKey): string => `${SIZES}/namespaces/${namespace}/sizes/${name}`;
  const read = async (key: ObjectKey): Promise<Sized | undefined> => {
    const { status, body } = await plane.request<Sized>('GET', pathOf(key));
    return status === 404 ? undefined : body;
  };
  /** Until the store knows what the API server knows: a watch takes some milliseconds. */
  const known = async (key: ObjectKey): Promise<void> => {
    for (let tries = 0; tries < 1000; tries++) {
      const version = (await read(key))?.metadata.resourceVersion;
      const held = await store.get({ apiVersion: 'demo.aiops.org/v1', kind: 'Size' }, key);
      if (held?.metadata.resourceVersion === version) return;
      await wait(5);
    }
    throw new Error(`the store does not learn of ${key.namespace}/${key.name}`);
  };

  return {
    store,
    async apply(key, spec, labels = {}) {
      await ensureNamespace(plane, key.namespace);
      const before = await read(key);
      const metadata = before ? { ...before.metadata, labels } : { ...key, labels };
      const body = { apiVersion: 'demo.aiops.org/v1', kind: 'Size', metadata, spec };
      const answer = before
        ? await plane.request('PUT', pathOf(key), { body })
        : await plane.request('POST', `${SIZES}/namespaces/${key.namespace}/sizes`, { body });
      if (answer.status >= 300) throw new Error(`apply answers ${answer.status}: ${JSON.stringify(answer.body)}`);
      await known(key);
    },
    async remove(key) {
      await plane.request('DELETE', pathOf(key));
      await known(key);
    },
    async close() {
      store.close();
      transport.close();
    },
  };
}

async function ensureNamespace(plane: ControlPlane, name: string): Promise<void> {
  if (name !== 'default') await plane.request('POST', '/api/v1/namespaces', { body: { metadata: { name } } });
}

/** Deletes every `Size`, whatever its finalizers. */
export async function removeSizes(plane: ControlPlane): Promise<void> {
  const { body } = await plane.request<{ items: readonly Sized[] }>('GET', `${SIZES}/sizes`);
  for (const { metadata } of body.items) {
    const path = `${SIZES}/namespaces/${metadata.namespace}/sizes/${metadata.name}`;
    await plane.request('DELETE', path);
    await plane.request('PATCH', path, {
      body: { metadata: { finalizers: null } },
      contentType: 'application/merge-patch+json',
    });
  }
}
