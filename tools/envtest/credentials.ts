import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { stringify } from 'yaml';

/** Somebody whom the API server knows by a token. */
export interface User {
  /** The name that role bindings use, kind `User`. */
  readonly name: string;
  readonly groups?: readonly string[];
  /** Made up when absent. */
  readonly token?: string;
}

/** May do everything, whatever the roles say. */
export const ADMIN = 'admin';

export interface TokenOwner {
  readonly name: string;
  readonly groups: readonly string[];
  readonly token: string;
}

/**
 * The administrator and `users`, each with a token.
 * @throws {RangeError} when a name is empty or given twice
 */
export function withTokens(users: readonly User[]): readonly TokenOwner[] {
  const all: readonly User[] = [{ name: ADMIN, groups: ['system:masters'] }, ...users];
  const owners = all.map(({ name, groups = [], token = randomBytes(16).toString('hex') }) => ({ name, groups, token }));
  for (const [at, { name }] of owners.entries()) {
    if (name === '') throw new RangeError('users: "" is no name');
    if (owners.findIndex((owner) => owner.name === name) !== at) {
      throw new RangeError(`users: "${name}" is there already; each name, "${ADMIN}" included, can be given once`);
    }
  }
  return owners;
}

/** A file for `--token-auth-file`: token, name, uid, and the groups in one field. */
export function toTokenFile(owners: readonly TokenOwner[]): string {
  const lines = owners.map(({ name, groups, token }) => [token, name, name, groups.join(',')].map(quote).join(','));
  return lines.map((line) => `${line}\n`).join('');
}

function quote(field: string): string {
  return `"${field.replaceAll('"', '""')}"`;
}

/** The keys that service account tokens are signed and checked with; PEM, PKCS 8 and SPKI. */
export function serviceAccountKeys(): { readonly privateKey: string; readonly publicKey: string } {
  return generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
}

/** A kubeconfig with one cluster, one user and one context; the certificate is inside, so the file can be copied. */
export function toKubeconfig(to: { url: string; ca: string; user: string; token: string; namespace: string }): string {
  const { url, ca, user, token, namespace } = to;
  const name = 'envtest';
  return stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': name,
      clusters: [{ name, cluster: { server: url, 'certificate-authority-data': Buffer.from(ca).toString('base64') } }],
      users: [{ name: user, user: { token } }],
      contexts: [{ name, context: { cluster: name, user, namespace } }],
    },
    // Kubernetes reads YAML 1.1, where an unquoted `no` is a boolean.
    { version: '1.1', lineWidth: 0 },
  );
}
