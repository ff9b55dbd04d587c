import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithServers } from '../../test/builders/kube-binaries.ts';
import { processes, ROOT, run, start, until } from '../../test/e2e/process.ts';
import { find, findHelm, findKubectl } from '../find.ts';
import { createAdminClient } from './admin.ts';
import { type ControlPlane, startControlPlane } from './envtest.ts';
import { freePort } from './server.ts';

const START_MS = 150_000;
const CRD = join(ROOT, 'config/crd/bases/demo.aiops.org_spotpools.yaml');

/** What there is of a control plane, by the folder that all of its files are in. */
function leftOf(folder: string): readonly string[] {
  const left = processes().filter(({ pid, command }) => pid !== process.pid && command.includes(folder));
  return [...left.map(({ command }) => command), ...(existsSync(folder) ? [folder] : [])];
}

function folderOf(plane: ControlPlane): string {
  return dirname(plane.auditLog);
}

/** Gives `first`, then whatever is free. */
function portsFrom(...first: number[]): () => Promise<number> {
  return async () => first.shift() ?? (await freePort());
}

describeWithServers('a control plane', () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane({ users: [{ name: 'operator', groups: ['robots'] }], auditPolicy: 'Metadata' });
  }, START_MS);
  afterAll(() => plane?.stop(), START_MS);

  it('is a Kubernetes API server that knows its version', async () => {
    const { status, body } = await plane.request<{ gitVersion: string }>('GET', '/version');
    expect({ status, version: body.gitVersion }).toEqual({
      status: 200,
      version: expect.stringMatching(/^v1\.\d+\.\d+$/),
    });
  });

  it('knows nobody without a token, and refuses a user whom no role names', async () => {
    const client = createAdminClient(plane.url, plane.ca);
    expect(await client.request('GET', '/api/v1/pods', 'made-up')).toMatchObject({ status: 401 });
    expect(await client.request('GET', '/api/v1/pods', undefined)).toMatchObject({ status: 403 });
    client.disconnect();
    const refused = await plane.request<{ message: string }>('GET', '/api/v1/pods', { as: 'operator' });
    expect(refused).toMatchObject({
      status: 403,
      body: { message: expect.stringContaining('User "operator" cannot list') },
    });
    expect(() => plane.token('nobody')).toThrow('user "nobody": there is admin, operator');
  });

  it('lets a user do what a binding of its group allows, and no more', async () => {
    const namespace = await plane.createNamespace('roles');
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    const role = { metadata: { name: 'r' }, rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }] };
    const binding = {
      metadata: { name: 'r' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'robots' }],
    };
    expect(await plane.request('POST', `${rbac}/roles`, { body: role })).toMatchObject({ status: 201 });
    expect(await plane.request('POST', `${rbac}/rolebindings`, { body: binding })).toMatchObject({ status: 201 });
    const ask = async (what: string) =>
      (await plane.request('GET', `/api/v1/namespaces/${namespace}/${what}`, { as: 'operator' })).status;
    await until('the binding is seen', async () => (await ask('pods')) === 200, 5000);
    expect(await ask('secrets')).toBe(403);
  });

  it('gives out tokens of service accounts, which it takes', async () => {
    const namespace = await plane.createNamespace();
    const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    await plane.request('POST', accounts, { body: { metadata: { name: 'robot' } } });
    const made = await plane.request<{ status: { token: string } }>('POST', `${accounts}/robot/token`, { body: {} });
    const review = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token: made.body.status.token },
    };
    const { body } = await plane.request('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body: review });
    expect(body).toMatchObject({
      status: { authenticated: true, user: { username: `system:serviceaccount:${namespace}:robot` } },
    });
  });

  it('installs definitions, again and changed, and serves their objects at once', async () => {
    const namespace = await plane.createNamespace();
    await plane.installCrds([CRD]);
    await plane.installCrds([CRD]);
    const pools = `/apis/demo.aiops.org/v1/namespaces/${namespace}/spotpools`;
    expect(await plane.request('GET', pools)).toMatchObject({ status: 200, body: { items: [] } });
    const folder = mkdtempSync(join(tmpdir(), 'aiops-crds-'));
    try {
      const wrong = join(folder, 'wrong.yaml');
      writeFileSync(wrong, 'kind: ConfigMap\n');
      await expect(plane.installCrds([wrong])).rejects.toThrow(
        `${wrong}: kind "ConfigMap"; only CustomResourceDefinition`,
      );
      writeFileSync(wrong, readFileSync(CRD, 'utf8').replace('scope: Namespaced', 'scope: Universal'));
      await expect(plane.installCrds([wrong])).rejects.toThrow('spotpools.demo.aiops.org was refused with 422:');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('writes who did what into its audit log', async () => {
    const namespace = await plane.createNamespace('audited');
    const events = readFileSync(plane.auditLog, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const made = events.filter(({ verb, objectRef }) => verb === 'create' && objectRef?.name === namespace);
    expect(made).toContainEqual(
      expect.objectContaining({ stage: 'ResponseComplete', user: expect.objectContaining({ username: 'admin' }) }),
    );
  });

  it(
    'comes back on the same port with the same data after each of its servers was killed',
    async () => {
      const namespace = await plane.createNamespace('kept');
      const isThere = async () => (await plane.request('GET', `/api/v1/namespaces/${namespace}`)).status === 200;
      for (const name of ['apiserver', 'etcd'] as const) {
        const pid = plane.pid(name);
        await plane.kill(name, 'SIGKILL');
        expect(plane.pid(name)).toBeUndefined();
        if (name === 'apiserver') await expect(plane.request('GET', '/readyz')).rejects.toThrow('ECONNREFUSED');
        await plane.restart(name);
        expect(plane.pid(name)).not.toBe(pid);
        await until('what was made is there', isThere, 20_000);
      }
      // One that runs is stopped first.
      await plane.restart('apiserver');
      expect(await isThere()).toBe(true);
    },
    START_MS,
  );

  it('answers nothing while it is paused, and everything afterwards', async () => {
    plane.pause('apiserver');
    const silent = plane.request('GET', '/readyz', { signal: AbortSignal.timeout(500) });
    await expect(silent).rejects.toThrow('abort');
    plane.resume('apiserver');
    expect(await plane.request('GET', '/readyz')).toMatchObject({ status: 200, body: 'ok' });
  });

  it(
    'takes another port when the one that was free is taken meanwhile, and knows nothing of others',
    async () => {
      const squatter = createServer().listen(0, '127.0.0.1');
      await until('it listens', () => squatter.listening);
      const taken = (squatter.address() as { port: number }).port;
      const choosePort = portsFrom(taken, await freePort(), await freePort(), await freePort(), taken);
      const second = await startControlPlane({ choosePort });
      try {
        expect(leftOf(folderOf(second)).join('\n')).not.toContain(`:${taken}`);
        expect(second.url).not.toContain(`:${taken}`);
        const namespace = await second.createNamespace('other');
        expect(await plane.request('GET', `/api/v1/namespaces/${namespace}`)).toMatchObject({ status: 404 });
      } finally {
        await second.stop();
        squatter.close();
      }
    },
    START_MS,
  );

  it(
    'is not taken in by another etcd that answers in the place of its own',
    async () => {
      const foreign = Number(/--listen-client-urls=\S+:(\d+)/.exec(leftOf(folderOf(plane)).join('\n'))?.[1]);
      const folder = mkdtempSync(join(tmpdir(), 'aiops-slow-'));
      const slow = join(folder, 'etcd');
      // So slow that the other one is asked for its health first.
      writeFileSync(slow, `#!/bin/sh\nsleep 0.5\nexec '${find('etcd')}' "$@"\n`, { mode: 0o755 });
      const before = process.env['TEST_ASSET_ETCD'];
      process.env['TEST_ASSET_ETCD'] = slow;
      try {
        await using second = await startControlPlane({ choosePort: portsFrom(foreign) });
        expect(leftOf(folderOf(second)).join('\n')).not.toContain(`:${foreign}`);
      } finally {
        if (before === undefined) delete process.env['TEST_ASSET_ETCD'];
        else process.env['TEST_ASSET_ETCD'] = before;
        rmSync(folder, { recursive: true });
      }
    },
    START_MS,
  );

  describeWithServers('for kubectl and helm', () => {
    it('is reached with its kubeconfig, by the user and in the namespace that were asked for', async () => {
      const namespace = await plane.createNamespace();
      const kubectl = (file: string, ...args: string[]) => run([findKubectl(), '--kubeconfig', file, ...args]);
      const made = await kubectl(
        plane.kubeconfig('admin', namespace),
        'create',
        'configmap',
        'c',
        '--from-literal=a=b',
      );
      expect(made).toMatchObject({ code: 0, stdout: 'configmap/c created\n' });
      const list = await kubectl(plane.kubeconfig(), 'get', 'configmaps', '-n', namespace, '-o', 'name');
      expect(list.stdout).toBe('configmap/c\n');
      const refused = await kubectl(plane.kubeconfig('operator'), 'get', 'secrets');
      expect(refused.stderr).toContain('User "operator" cannot list resource "secrets"');
      const helm = await run([
        findHelm(),
        '--kubeconfig',
        plane.kubeconfig(),
        'list',
        '--all-namespaces',
        '-o',
        'json',
      ]);
      expect(helm).toMatchObject({ code: 0, stdout: '[]\n' });
    });
  }, ['kubectl', 'helm']);
});

describeWithServers('the end of a control plane', () => {
  it(
    'leaves nothing, also when a server stands still, and may be asked for twice',
    async () => {
      const plane = await startControlPlane({
        apiServerArgs: ['--watch-cache=false'],
        etcdArgs: ['--max-txn-ops=200'],
      });
      const folder = folderOf(plane);
      const commands = leftOf(folder).join('\n');
      expect([commands.includes('--watch-cache=false'), commands.includes('--max-txn-ops=200')]).toEqual([true, true]);
      plane.pause('etcd');
      plane.pause('apiserver');
      const began = performance.now();
      await Promise.all([plane.stop(), plane.stop()]);
      await plane.stop();
      // They end by themselves and are not killed after 20 s.
      expect(performance.now() - began).toBeLessThan(10_000);
      await until('no guard is left', () => leftOf(folder).length === 0, 5000);
    },
    START_MS,
  );

  it(
    'is not held up by a watch that is open for longer than was agreed',
    async () => {
      const plane = await startControlPlane({ stopTimeoutMs: 1500 });
      const folder = folderOf(plane);
      const authorization = `Bearer ${plane.adminToken}`;
      const watch = get(`${plane.url}/api/v1/namespaces?watch=true`, { ca: plane.ca, headers: { authorization } });
      const [response] = (await once(watch, 'response')) as [IncomingMessage];
      const cut = new Promise<void>((resolve) => {
        response.on('error', () => resolve()).resume();
      });
      const began = performance.now();
      await plane.stop();
      await cut;
      // Without the watch it would be over sooner, and with the default much later.
      expect(performance.now() - began).toBeGreaterThan(1400);
      expect(performance.now() - began).toBeLessThan(6000);
      await until('nothing is left', () => leftOf(folder).length === 0, 5000);
    },
    START_MS,
  );

  it(
    'is not held up by an etcd that was killed before',
    async () => {
      const plane = await startControlPlane();
      await plane.kill('etcd', 'SIGKILL');
      const began = performance.now();
      await plane.stop();
      expect(performance.now() - began).toBeLessThan(2000);
    },
    START_MS,
  );

  it(
    'that does not start leaves nothing and shows the end of the log',
    async () => {
      const before = new Set(processes().map(({ pid }) => pid));
      const refused = startControlPlane({ apiServerArgs: ['--no-such-flag'] });
      await expect(refused).rejects.toThrow(/^kube-apiserver ended with .*unknown flag: --no-such-flag/s);
      const isLeft = () =>
        processes().some(({ pid, command }) => !before.has(pid) && command.includes('aiops-envtest-'));
      await until('nothing is left', () => !isLeft(), 5000);
    },
    START_MS,
  );

  it(
    'comes while it starts when that is given up',
    async () => {
      const abort = new AbortController();
      const choosePort = async () => {
        setTimeout(() => abort.abort(new Error('enough')), 50);
        return await freePort();
      };
      await expect(startControlPlane({ signal: abort.signal, choosePort })).rejects.toThrow('enough');
    },
    START_MS,
  );

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'comes when the process that started it ends by %s, and leaves nothing',
    async (signal) => {
      const program = `import { startControlPlane } from ${JSON.stringify(join(import.meta.dirname, 'envtest.ts'))};
      const plane = await startControlPlane();
      console.log('folder ' + plane.auditLog);
      setInterval(() => {}, 1000);`;
      // A cache of one's own is handed on: without it the program would look elsewhere.
      const running = start([process.execPath, '--input-type=module', '-e', program], { env: process.env });
      const [, log = ''] = await running.sees(/folder (\S+)/, START_MS);
      const folder = dirname(log);
      const commands = leftOf(folder).join('\n');
      expect(commands).toContain('--secure-port');
      expect(commands).toContain('--listen-peer-urls');
      process.kill(running.pid, signal);
      await until('nothing is left', () => leftOf(folder).length === 0, 10_000);
    },
    START_MS,
  );
});
