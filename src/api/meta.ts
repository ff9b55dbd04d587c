/** RFC 3339 in UTC with whole seconds, as Kubernetes writes times. */
export type Time = string;

/** The part of Kubernetes' ObjectMeta that we use. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  /** Raised by each change of the spec and by the request to delete; not by status or labels. */
  readonly generation: number;
  /** Opaque; equal versions mean equal objects. The optimistic lock of every write. */
  readonly resourceVersion: string;
  readonly creationTimestamp: Time;
  readonly deletionTimestamp?: Time;
  readonly finalizers: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** An object as the store keeps it. `Spec` has been parsed: aliases are gone and defaults are filled in. */
export interface KubeObject<Spec = unknown, Status = unknown> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: Spec;
  readonly status?: Status;
}

/** The name of an object within its kind. */
export interface ObjectKey {
  readonly namespace: string;
  readonly name: string;
}

/** Kubernetes' condition. `reason` is CamelCase and permanent, `message` at most 1 KiB. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  /** When `status` (not reason or message) last changed. */
  readonly lastTransitionTime: Time;
  readonly observedGeneration: number;
}

/** `namespace/name`, the form used in queues, logs and messages. */
export function keyText(key: ObjectKey): string {
  return `${key.namespace}/${key.name}`;
}

/** The inverse of `keyText`. @throws {Error} when the text holds no `/`. */
export function keyFromText(text: string): ObjectKey {
  const slash = text.indexOf('/');
  if (slash < 0) throw new Error(`"${text}" is not NAMESPACE/NAME`);
  return { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}

/** An instant as Kubernetes writes it, cut to whole seconds. */
export function toTime(ms: number): Time {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
