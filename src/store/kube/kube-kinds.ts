import type { KindDefinition } from '../../api/kind.ts';
import { apiVersionOf } from '../../api/kinds.ts';
import type { KindRef } from '../store.ts';
import { SecretKind } from '../store.ts';
import type { Resource } from './resource.ts';

const SecretResource: Resource = { ...SecretKind, plural: 'secrets' };
const ConfigMapResource: Resource = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps' };

/** The kinds that a store knows: ours, and the two of Kubernetes that hold nothing but data. */
export interface KubeKinds {
  isKnown(kind: KindRef): boolean;
  isSecret(kind: KindRef): boolean;
  /** @throws {Error} for a kind that is not known */
  resourceOf(kind: KindRef): Resource;
}

export function createKubeKinds(definitions: readonly KindDefinition[]): KubeKinds {
  const ours = definitions.map((kind) => ({ apiVersion: apiVersionOf(kind), kind: kind.kind, plural: kind.plural }));
  const resources = [...ours, SecretResource, ConfigMapResource];
  const find = ({ apiVersion, kind }: KindRef): Resource | undefined =>
    resources.find((resource) => resource.apiVersion === apiVersion && resource.kind === kind);
  return {
    isKnown: (kind) => find(kind) !== undefined,
    isSecret: (kind) => find(kind) === SecretResource,
    resourceOf(kind) {
      const found = find(kind);
      if (!found) throw new Error(`the store was opened without the kind ${kind.kind} of ${kind.apiVersion}`);
      return found;
    },
  };
}
