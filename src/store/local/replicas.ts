import type { KindDefinition } from '../../api/kind.ts';
import { isRecord } from './metadata.ts';

/** The steps from the spec to the field that `scale` sets; `undefined` when objects of this kind cannot be scaled. */
function fieldOf(kind: KindDefinition): readonly string[] | undefined {
  const path = kind.scale?.specReplicasPath;
  return path?.startsWith('.spec.') ? path.slice('.spec.'.length).split('.') : undefined;
}

/** The number of replicas that a manifest itself asks for, as JSON; `null` when it says nothing. */
export function writtenReplicas(kind: KindDefinition, raw: unknown): string {
  let value = raw;
  for (const step of fieldOf(kind) ?? []) value = isRecord(value) ? value[step] : undefined;
  return JSON.stringify(fieldOf(kind) ? value : null) ?? 'null';
}

/** A spec as users write it, with another number of replicas. Unchanged for kinds that cannot be scaled. */
export function withReplicas(kind: KindDefinition, raw: unknown, replicas: number): unknown {
  const field = fieldOf(kind);
  return field ? withValue(raw, field, replicas) : raw;
}

function withValue(raw: unknown, [step, ...rest]: readonly string[], value: number): unknown {
  if (step === undefined) return value;
  const record = isRecord(raw) ? raw : {};
  return { ...record, [step]: withValue(record[step], rest, value) };
}

export function canScale(kind: KindDefinition): boolean {
  return fieldOf(kind) !== undefined;
}
