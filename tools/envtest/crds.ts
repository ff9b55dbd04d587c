import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { parseAllDocuments } from 'yaml';
import type { AdminAnswer, AdminRequest } from './admin.ts';

type Send = <Body>(method: string, path: string, options?: AdminRequest) => Promise<AdminAnswer<Body>>;

/** What is read of a CustomResourceDefinition here. */
interface Crd {
  readonly kind?: string;
  readonly metadata: { readonly name: string; readonly resourceVersion?: string };
  readonly spec: {
    readonly group: string;
    readonly names: { readonly plural: string };
    readonly versions: readonly { readonly name: string; readonly served: boolean }[];
  };
  readonly status?: { readonly conditions?: readonly { type: string; status: string; message?: string }[] };
}

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const POLL_MS = 100;
const ESTABLISHED_MS = 10_000;

/**
 * Installs the CustomResourceDefinitions in YAML files, or brings those that are there up to date, and waits until their
 * objects can be made.
 * @throws {Error} naming the file or the definition, and why
 */
export async function installCrds(send: Send, paths: readonly string[]): Promise<void> {
  const crds = (await Promise.all(paths.map(readCrds))).flat();
  for (const crd of crds) await put(send, crd);
  for (const crd of crds) await untilServed(send, crd);
}

async function readCrds(path: string): Promise<readonly Crd[]> {
  const documents = parseAllDocuments(await readFile(path, 'utf8'));
  if (!Array.isArray(documents)) return [];
  return documents.map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`${path}: ${error.message}`);
    const crd = document.toJS() as Crd | null;
    if (crd?.kind !== 'CustomResourceDefinition') {
      throw new Error(`${path}: kind "${crd?.kind}"; only CustomResourceDefinition is installed`);
    }
    return crd;
  });
}

async function put(send: Send, crd: Crd): Promise<void> {
  const path = `${CRDS}/${crd.metadata.name}`;
  // Somebody else may change the definition in between; the server itself writes its status.
  for (;;) {
    const made = await send('POST', CRDS, { body: crd });
    if (made.status === 201) return;
    if (made.status !== 409) throw refused(crd, made);
    const { body: old, status } = await send<Crd>('GET', path);
    if (status !== 200) continue;
    const metadata = { ...crd.metadata, resourceVersion: old.metadata.resourceVersion };
    const changed = await send('PUT', path, { body: { ...crd, metadata } });
    if (changed.status === 200) return;
    if (changed.status !== 409 && changed.status !== 404) throw refused(crd, changed);
  }
}

function refused(crd: Crd, answer: AdminAnswer): Error {
  const { message } = (answer.body ?? {}) as { message?: string };
  return new Error(`${crd.metadata.name} was refused with ${answer.status}: ${message ?? answer.body}`);
}

async function untilServed(send: Send, crd: Crd): Promise<void> {
  const { group, names, versions } = crd.spec;
  const endpoints = versions.filter(({ served }) => served).map(({ name }) => `/apis/${group}/${name}/${names.plural}`);
  const deadline = performance.now() + ESTABLISHED_MS;
  for (;;) {
    const { body } = await send<Crd>('GET', `${CRDS}/${crd.metadata.name}`);
    const conditions = body.status?.conditions ?? [];
    const isEstablished = conditions.some(({ type, status }) => type === 'Established' && status === 'True');
    // The server opens the endpoint a moment after it has said so.
    if (isEstablished && (await areServed(send, endpoints))) return;
    if (performance.now() > deadline) {
      throw new Error(`${crd.metadata.name} is not served after ${ESTABLISHED_MS} ms: ${JSON.stringify(conditions)}`);
    }
    await wait(POLL_MS);
  }
}

async function areServed(send: Send, endpoints: readonly string[]): Promise<boolean> {
  const answers = await Promise.all(endpoints.map((path) => send('GET', `${path}?limit=1`)));
  return answers.every(({ status }) => status === 200);
}
