import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { describeWithServers } from '../../test/builders/kube-binaries.ts';
import { processes, run, start, until } from '../../test/e2e/process.ts';
import { findKubectl } from '../find.ts';

const START_MS = 150_000;

describeWithServers('make api-server', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const)(
    'leaves nothing behind after %s to its whole group',
    async (signal) => {
      const server = start([process.execPath, join(import.meta.dirname, 'api-server.ts')], {
        detached: true,
        env: process.env,
      });
      const [line, file = ''] = await server.sees(/^export KUBECONFIG=(\S+)\n/, START_MS);
      const list = await run([findKubectl(), '--kubeconfig', file, 'get', 'namespace', 'default', '-o', 'name']);
      expect(list.stdout).toBe('namespace/default\n');
      const folder = dirname(file);
      expect(processes().filter(({ command }) => command.includes(folder)).length).toBeGreaterThan(1);

      process.kill(-server.pid, signal);
      const { code, stdout, stderr } = await server.ended;
      // Only the line is on standard output, so that it can be taken over by a shell.
      expect(stdout).toBe(line);
      expect(stderr).toContain('Ctrl-C stops it');
      if (signal !== 'SIGKILL') expect(code).toBe(0);
      const isGone = () => !existsSync(folder) && !processes().some(({ command }) => command.includes(folder));
      await until('nothing is left', isGone, signal === 'SIGKILL' ? 10_000 : 1000);
    },
    START_MS,
  );

  it(
    'can be stopped while it starts',
    async () => {
      const server = start([process.execPath, join(import.meta.dirname, 'api-server.ts')], { env: process.env });
      const isOurs = (command: string) => command.includes('aiops-envtest-');
      const before = new Set(processes().map(({ pid }) => pid));
      const mine = () =>
        processes().filter(
          ({ pid, parent, command }) => isOurs(command) && (parent === server.pid || !before.has(pid)),
        );
      await until('etcd runs', () => mine().some(({ parent }) => parent === server.pid), START_MS);
      const [, folder = ''] =
        /(\S+aiops-envtest-\w+)/.exec(mine().find(({ parent }) => parent === server.pid)?.command ?? '') ?? [];
      process.kill(server.pid, 'SIGINT');
      expect(await server.ended).toMatchObject({ code: 0, stdout: '' });
      await until(
        'nothing is left',
        () => !existsSync(folder) && !processes().some(({ command }) => command.includes(folder)),
        5000,
      );
    },
    START_MS,
  );
}, ['kubectl']);
