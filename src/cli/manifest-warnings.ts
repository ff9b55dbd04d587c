import { keyText } from '../api/meta.ts';
import { SpotPoolKind, type SpotPoolSpec } from '../api/spotpool.ts';
import type { ManifestDocument } from '../store/local/manifests.ts';
import type { ManifestProblem } from '../store/local/problem.ts';

/** What is allowed in manifests, and yet worth a word. Never holds a key. */
export function warningsOf(documents: readonly ManifestDocument[]): readonly ManifestProblem[] {
  return documents.flatMap((document) => {
    if (document.definition?.kind !== SpotPoolKind.kind) return [];
    const { file, line, kind, metadata } = document;
    return poolWarnings(document.spec as SpotPoolSpec, document, documents).map(({ path, message }) => ({
      file,
      line,
      column: 1,
      object: `${kind} ${keyText(metadata)}`,
      path,
      message,
    }));
  });
}

function poolWarnings(
  { credentials }: SpotPoolSpec,
  pool: ManifestDocument,
  documents: readonly ManifestDocument[],
): { path: string; message: string }[] {
  if (credentials.from === 'operator') return [];
  if (credentials.from === 'inline') {
    const message = 'everyone who may read this object can read the key; put it into a Secret (credentialsSecretRef)';
    return [{ path: 'spec.secretKey', message }];
  }
  const key = { namespace: pool.metadata.namespace, name: credentials.name };
  const path = 'spec.credentialsSecretRef.name';
  const secret = documents.find(({ kind, metadata }) => kind === 'Secret' && keyText(metadata) === keyText(key));
  if (!secret) return [{ path, message: `Secret ${keyText(key)} is not among these manifests` }];
  const missing = [credentials.secretIdKey, credentials.secretKeyKey].filter(
    (entry) => !Object.hasOwn(secret.data ?? {}, entry),
  );
  return missing.map((entry) => ({ path, message: `Secret ${keyText(key)} has no entry "${entry}"` }));
}
