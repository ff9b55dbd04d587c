import { makeTool } from '../make.ts';
import { type ControlPlane, startControlPlane } from './envtest.ts';

/**
 * `make api-server`: a kube-apiserver with its etcd in the foreground, until Ctrl-C. Only the export line goes to standard
 * output.
 */
async function main(): Promise<void> {
  const abort = new AbortController();
  const stopped = Promise.withResolvers<void>();
  const heard = (signal: NodeJS.Signals): void => {
    // Servers that do not end are not waited for twice: when this process ends, they are killed and their files removed.
    if (abort.signal.aborted) process.exit(1);
    abort.abort(new Error(`stopped by ${signal}`));
    stopped.resolve();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, heard);
  // The servers do not keep this process alive, so something else must.
  const alive = setInterval(() => {}, 2 ** 30);
  try {
    const say = (line: string): void => void process.stderr.write(`${line}\n`);
    for (const name of ['kube-apiserver', 'etcd'] as const) await makeTool(name, { say, signal: abort.signal });
    await using plane = await startControlPlane({ signal: abort.signal });
    process.stdout.write(`export KUBECONFIG=${plane.kubeconfig()}\n`);
    say(await toGuide(plane));
    await stopped.promise;
    say('Stopping.');
  } catch (error) {
    if (!abort.signal.aborted) throw error;
  } finally {
    clearInterval(alive);
  }
}

async function toGuide(plane: ControlPlane): Promise<string> {
  const { body } = await plane.request<{ gitVersion: string }>('GET', '/version');
  return `
A Kubernetes API server ${body.gitVersion} is at ${plane.url}, empty and without kubelet and controllers.
In another terminal: paste the line above, then make install, make run, kubectl get spotpools.
Ctrl-C stops it and removes all of its files.`;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
