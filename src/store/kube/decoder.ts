import { isDeepStrictEqual } from 'node:util';
import type { KindDefinition } from '../../api/kind.ts';
import { apiVersionOf } from '../../api/kinds.ts';
import type { KubeObject } from '../../api/meta.ts';
import { keyText } from '../../api/meta.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { KindRef, ObjectEvent, WatchEvent } from '../store.ts';
import type { ParseSpec } from './decode.ts';
import { decodeObject, decodePlain } from './decode.ts';
import type { InformerChange, RawObject } from './informer.ts';

export interface DecoderOptions {
  readonly kinds: readonly KindDefinition[];
  readonly parse: ParseSpec;
  readonly log: Logger;
  /** Tells people of an object that cannot be read. */
  readonly tell: (object: KubeObject, event: ObjectEvent) => void;
}

/**
 * Turns what the API server sends into objects as reconcilers know them. The same version gives the same object. One whose
 * spec this program cannot read (it was stored under another CRD) keeps the last spec that could be read; without one it is
 * left alone, and an event on it says why.
 */
export interface Decoder {
  decode(raw: RawObject, kind: KindRef): KubeObject | undefined;
  /** Takes an informer's changes and hands them on as the store's events. */
  listener(kind: KindRef, listener: (event: WatchEvent) => void): (change: InformerChange) => void;
}

interface Known {
  readonly rawSpec: unknown;
  readonly object: KubeObject;
}

export function createDecoder({ kinds, parse, log, tell }: DecoderOptions): Decoder {
  /** By uid: the last version of each object. */
  const known = new Map<string, Known>();
  /** Uids and generations of objects that cannot be read, so that each is told once. */
  const unreadable = new Map<string, number>();

  const definitionOf = ({ apiVersion, kind }: KindRef): KindDefinition | undefined =>
    kinds.find((one) => one.kind === kind && apiVersionOf(one) === apiVersion);

  const complain = (raw: RawObject, kind: KindRef, problem: string, metadata: KubeObject['metadata']): void => {
    if (unreadable.get(metadata.uid) === metadata.generation) return;
    unreadable.set(metadata.uid, metadata.generation);
    const name = keyText(metadata);
    log.warn('an object cannot be read and is left alone', { kind: kind.kind, name, problem });
    const note = `The spec cannot be read by this version of the operator, which leaves the object alone: ${problem}`;
    tell({ ...kind, metadata, spec: raw['spec'] }, { type: 'Warning', reason: 'InvalidSpec', note });
  };

  const decode = (raw: RawObject, kind: KindRef): KubeObject | undefined => {
    const definition = definitionOf(kind);
    if (!definition) return decodePlain(raw, kind.kind as 'Secret' | 'ConfigMap');
    const before = known.get(raw.metadata.uid);
    if (before?.object.metadata.resourceVersion === raw.metadata.resourceVersion) return before.object;
    // Status changes far more often than spec, and a spec is costly to parse.
    const isSameSpec = before !== undefined && isDeepStrictEqual(before.rawSpec, raw['spec']);
    const decoded = decodeObject(raw, definition, isSameSpec ? () => ({ ok: true, spec: before.object.spec }) : parse);
    if (decoded.ok) {
      unreadable.delete(raw.metadata.uid);
      known.set(raw.metadata.uid, { rawSpec: raw['spec'], object: decoded.object });
      return decoded.object;
    }
    complain(raw, kind, decoded.problem, decoded.metadata);
    return before && { ...before.object, metadata: decoded.metadata };
  };
  const forget = ({ metadata: { uid } }: RawObject): void => {
    known.delete(uid);
    unreadable.delete(uid);
  };

  return {
    decode,
    listener(kind, listener) {
      return ({ type, object: raw, old: oldRaw, isInitial }) => {
        const before = oldRaw && known.get(oldRaw.metadata.uid)?.object;
        const old = before?.metadata.resourceVersion === oldRaw?.metadata.resourceVersion ? before : undefined;
        const object = decode(raw, kind);
        if (type === 'deleted') forget(raw);
        if (!object) return;
        // Our own write has been decoded before the event of it comes: its predecessor is decoded once more.
        const previous = old ?? (oldRaw && earlier(oldRaw, object, kind));
        listener({ type, object, isInitial, ...(previous ? { old: previous } : {}) });
      };
    },
  };

  /** The state before, without disturbing what is known of the one after. */
  function earlier(raw: RawObject, object: KubeObject, kind: KindRef): KubeObject | undefined {
    const definition = definitionOf(kind);
    if (!definition) return decodePlain(raw, kind.kind as 'Secret' | 'ConfigMap');
    const isSameSpec = raw.metadata['generation'] === object.metadata.generation;
    const decoded = decodeObject(raw, definition, isSameSpec ? () => ({ ok: true, spec: object.spec }) : parse);
    return decoded.ok ? decoded.object : undefined;
  }
}
