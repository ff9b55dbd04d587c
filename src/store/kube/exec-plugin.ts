import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock, EpochMs } from '../../lib/clock.ts';
import { createRedactor } from '../../telemetry/redact.ts';
import { type ExecSpec, KubeConfigError } from './kubeconfig.ts';

/** What a plugin handed out: a token, a client certificate with its key (PEM), or both. */
export interface ExecCredential {
  readonly token?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface ExecPlugin {
  /**
   * The credential, from the plugin when there is none that is good for a while yet. Calls that come while it runs wait for it.
   * @throws {KubeConfigError} when the plugin fails, says nothing usable, or takes too long
   */
  get(): Promise<ExecCredential>;
  /** The next call asks the plugin again, or waits for it when it is already being asked. */
  forget(): void;
}

/** Logins over the network take a few seconds; after this nobody waits for the answer any more. */
const PLUGIN_TIMEOUT_MS = 30_000;
/** A credential is renewed so long before it ends, but a short-lived one serves for half of its life. */
const RENEW_BEFORE_END_MS = 60_000;
const MAX_ANSWER_BYTES = 1024 * 1024;
const MAX_COMPLAINT_BYTES = 4096;
const MAX_COMPLAINT_SHOWN = 400;

/** Runs one credential plugin of a kubeconfig. It gets no terminal and no standard input. */
export function createExecPlugin(
  spec: ExecSpec,
  userName: string,
  edges: { readonly env: Readonly<Record<string, string | undefined>>; readonly clock: Clock },
): ExecPlugin {
  const { clock } = edges;
  let kept: { readonly credential: ExecCredential; readonly until: EpochMs } | undefined;
  let underWay: Promise<ExecCredential> | undefined;

  const renew = async (): Promise<ExecCredential> => {
    const { credential, ends } = readAnswer(await run(spec, userName, edges), spec, userName);
    const left = ends - clock.now();
    kept = { credential, until: ends - Math.min(RENEW_BEFORE_END_MS, left / 2) };
    return credential;
  };

  return {
    get() {
      if (kept && clock.now() < kept.until) return Promise.resolve(kept.credential);
      underWay ??= renew().finally(() => {
        underWay = undefined;
      });
      return underWay;
    },
    forget: () => {
      kept = undefined;
    },
  };
}

function failure(spec: ExecSpec, userName: string, why: string): KubeConfigError {
  return new KubeConfigError(`the credential plugin "${spec.command}" of user "${userName}" ${why}`);
}

/** One run. What it writes to standard output is a secret; of what it writes to standard error, the end is shown, redacted. */
function run(
  spec: ExecSpec,
  userName: string,
  { env, clock }: { readonly env: Readonly<Record<string, string | undefined>>; readonly clock: Clock },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const answer: Buffer[] = [];
    let answerBytes = 0;
    let complaint = '';
    const fail = (why: string): void => reject(failure(spec, userName, `${why}${quote(complaint, spec)}`));

    // A group of its own, so that what the plugin has started ends with it.
    const child = spawn(spec.command, spec.args, {
      env: { ...env, ...Object.fromEntries(spec.env.map(({ name, value }) => [name, value])), ...execInfo(spec) },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const kill = (): void => killGroup(child);
    process.once('exit', kill);
    const cancel = clock.after(PLUGIN_TIMEOUT_MS, () => {
      fail(`did not answer within ${PLUGIN_TIMEOUT_MS / 1000} s`);
      kill();
    });
    const settle = (): void => {
      cancel();
      process.off('exit', kill);
    };

    child.stdout.on('data', (chunk: Buffer) => {
      answerBytes += chunk.length;
      if (answerBytes <= MAX_ANSWER_BYTES) answer.push(chunk);
      else {
        fail(`wrote more than ${MAX_ANSWER_BYTES} bytes`);
        kill();
      }
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = `${complaint}${text}`.slice(-MAX_COMPLAINT_BYTES);
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      settle();
      const hint = spec.installHint === '' ? '' : ` ${spec.installHint.trim()}`;
      fail(error.code === 'ENOENT' ? `was not found.${hint}` : `could not be started (${error.code})`);
    });
    child.on('close', (code, signal) => {
      settle();
      if (code === 0) resolve(Buffer.concat(answer).toString('utf8'));
      else fail(code === null ? `was ended by ${signal}` : `ended with code ${code}`);
    });
  });
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

function execInfo({ apiVersion, cluster }: ExecSpec): Readonly<Record<string, string>> {
  const spec = { interactive: false, ...(cluster === undefined ? {} : { cluster }) };
  return { KUBERNETES_EXEC_INFO: JSON.stringify({ apiVersion, kind: 'ExecCredential', spec }) };
}

/** What the plugin complained of: on one line, without its settings and without what looks like a secret. */
function quote(complaint: string, spec: ExecSpec): string {
  const redactor = createRedactor();
  for (const { value } of spec.env) redactor.learn(value);
  const line = redactor.text(complaint).replace(/\s+/g, ' ').trim();
  if (line === '') return '';
  return `: ${line.length > MAX_COMPLAINT_SHOWN ? `…${line.slice(-MAX_COMPLAINT_SHOWN)}` : line}`;
}

function readAnswer(
  text: string,
  spec: ExecSpec,
  userName: string,
): { readonly credential: ExecCredential; readonly ends: EpochMs } {
  const refuse = (why: string): KubeConfigError => failure(spec, userName, why);
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    // The parser's message would quote the answer.
    throw refuse('wrote no JSON');
  }
  const { kind, apiVersion, status } = (answer ?? {}) as Record<string, unknown>;
  if (kind !== 'ExecCredential') throw refuse('wrote no ExecCredential');
  if (apiVersion !== spec.apiVersion) {
    throw refuse(`wrote another apiVersion than ${spec.apiVersion}, which its kubeconfig asks for`);
  }
  const fields = (status ?? {}) as Record<string, unknown>;
  const member = (name: string): string => (typeof fields[name] === 'string' ? fields[name] : '');
  const [token, cert, key] = [member('token').trim(), member('clientCertificateData'), member('clientKeyData')];
  if ((cert === '') !== (key === '')) throw refuse('wrote a client certificate without its key, or a key alone');
  if (token === '' && cert === '') throw refuse('wrote neither a token nor a client certificate');
  const end = member('expirationTimestamp');
  const ends = end === '' ? Number.POSITIVE_INFINITY : Date.parse(end);
  if (Number.isNaN(ends)) throw refuse('wrote an expirationTimestamp that is no time');
  return { credential: { ...(token === '' ? {} : { token }), ...(cert === '' ? {} : { cert, key }) }, ends };
}
