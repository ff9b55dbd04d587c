import { z } from 'zod';
import type { KindDefinition } from '../../src/api/kind.ts';
import type { KindRef } from '../../src/store/store.ts';

/** A kind for tests of stores: `{ size, replicas?, secretKey? }`. */
export const SizeKind: KindDefinition<{ size: number; replicas?: number; secretKey?: string }> = {
  group: 'demo.aiops.org',
  version: 'v1',
  kind: 'Size',
  plural: 'sizes',
  singular: 'size',
  shortNames: [],
  description: 'For tests.',
  specSchema: z.strictObject({
    size: z.int32().min(0).max(1000),
    replicas: z.int32().min(0).max(10).optional(),
    secretKey: z.string().max(128).meta({ format: 'password' }).optional(),
  }),
  statusSchema: z.object({}),
  rules: [],
  printerColumns: [],
  scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.size' },
  normalise: (spec) => spec,
};
export const sizeRef: KindRef = { apiVersion: 'demo.aiops.org/v1', kind: 'Size' };

/** A manifest of a Size in the default namespace. */
export function size(name: string, spec: Readonly<Record<string, unknown>>): object {
  return { ...sizeRef, metadata: { name }, spec };
}
