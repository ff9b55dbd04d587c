import { LogPilotKind, type LogPilotSecret, type LogPilotSpec } from '../api/logpilot.ts';
import { keyText } from '../api/meta.ts';
import { SpotPoolKind, type SpotPoolSpec } from '../api/spotpool.ts';
import type { ManifestDocument } from '../store/local/manifests.ts';
import type { ManifestProblem } from '../store/local/problem.ts';

interface Warning {
  readonly path: string;
  readonly message: string;
}

/** What is allowed in manifests, and yet worth a word. Never holds a key. */
export function warningsOf(documents: readonly ManifestDocument[]): readonly ManifestProblem[] {
  return documents.flatMap((document) => {
    const { file, line, kind, metadata } = document;
    return ofDocument(document, documents).map(({ path, message }) => ({
      file,
      line,
      column: 1,
      object: `${kind} ${keyText(metadata)}`,
      path,
      message,
    }));
  });
}

function ofDocument(document: ManifestDocument, documents: readonly ManifestDocument[]): readonly Warning[] {
  switch (document.definition?.kind) {
    case SpotPoolKind.kind:
      return poolWarnings(document.spec as SpotPoolSpec, document, documents);
    case LogPilotKind.kind:
      return pilotWarnings(document.spec as LogPilotSpec, document, documents);
    default:
      return [];
  }
}

function poolWarnings(
  { credentials }: SpotPoolSpec,
  pool: ManifestDocument,
  documents: readonly ManifestDocument[],
): readonly Warning[] {
  if (credentials.from === 'operator') return [];
  if (credentials.from === 'inline') {
    const message = 'everyone who may read this object can read the key; put it into a Secret (credentialsSecretRef)';
    return [{ path: 'spec.secretKey', message }];
  }
  const { name, secretIdKey, secretKeyKey } = credentials;
  const ref = { path: 'spec.credentialsSecretRef.name', name, entries: [secretIdKey, secretKeyKey] };
  return secretWarnings(ref, pool, documents);
}

function pilotWarnings(
  { llmToken, feishuWebhook }: LogPilotSpec,
  pilot: ManifestDocument,
  documents: readonly ManifestDocument[],
): readonly Warning[] {
  const of = (field: string, secret: LogPilotSecret): readonly Warning[] => {
    if (secret.from === 'none') return [];
    if (secret.from === 'secret') {
      const ref = { path: `spec.${field}SecretRef.name`, name: secret.name, entries: [secret.key] };
      return secretWarnings(ref, pilot, documents);
    }
    const message = `everyone who may read this object can read it; put it into a Secret (${field}SecretRef)`;
    return [{ path: `spec.${field}`, message }];
  };
  const nobody = { path: 'spec.feishuWebhook', message: 'is empty: nobody will be told of anything' };
  return [
    ...of('llmToken', llmToken),
    ...of('feishuWebhook', feishuWebhook),
    ...(feishuWebhook.from === 'none' ? [nobody] : []),
  ];
}

/** Says so when a Secret that a document names is not among the manifests, or lacks an entry. */
function secretWarnings(
  { path, name, entries }: { readonly path: string; readonly name: string; readonly entries: readonly string[] },
  { metadata: { namespace } }: ManifestDocument,
  documents: readonly ManifestDocument[],
): readonly Warning[] {
  const key = keyText({ namespace, name });
  const secret = documents.find(({ kind, metadata }) => kind === 'Secret' && keyText(metadata) === key);
  if (!secret) return [{ path, message: `Secret ${key} is not among these manifests` }];
  return entries
    .filter((entry) => !Object.hasOwn(secret.data ?? {}, entry))
    .map((entry) => ({ path, message: `Secret ${key} has no entry "${entry}"` }));
}
