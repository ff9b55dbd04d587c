import type { ObjectKey } from '../../api/meta.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { byKey } from '../by-key.ts';
import type { Watchers } from '../watchers.ts';
import { createWatchers } from '../watchers.ts';
import type { Informer, InformerChange, RawObject } from './informer.ts';
import { createInformer } from './informer.ts';
import type { InformerMetrics } from './informer-metrics.ts';
import type { Resource } from './resource.ts';
import type { KubeTransport } from './transport.ts';

export interface InformerPoolOptions {
  readonly transport: KubeTransport;
  /** Only these are looked at; default: all. */
  readonly namespaces?: readonly string[];
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly metrics: InformerMetrics;
  /** Ends them all. */
  readonly signal: AbortSignal;
}

/** The informers of a store: one for each kind that is watched, and namespace where only some are; begun when first needed. */
export interface InformerPool {
  /**
   * Tells of everything that exists and then of each change, never two at a time. Resolves once all that exists has been
   * told, or when `signal` is aborted.
   */
  watch(
    resource: Resource,
    isMetadataOnly: boolean,
    listener: (change: InformerChange) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** `isKnown` is false where only the API server can say. */
  get(resource: Resource, key: ObjectKey): { readonly isKnown: boolean; readonly object?: RawObject | undefined };
  /** Ordered by namespace and name; `undefined` where only the API server can say. */
  list(resource: Resource, namespace?: string): readonly RawObject[] | undefined;
  /** The answer to a write of our own. */
  wrote(resource: Resource, object: RawObject): void;
  /** The object does not exist any more. */
  gone(resource: Resource, object: RawObject): void;
  /** Why not everything that is watched is known. */
  problems(): readonly string[];
}

interface Watched {
  readonly isMetadataOnly: boolean;
  /** By namespace; '' for all. */
  readonly informers: ReadonlyMap<string, Informer>;
  readonly watchers: Watchers<InformerChange>;
}

export function createInformerPool(options: InformerPoolOptions): InformerPool {
  const { namespaces = [''], log, signal: end } = options;
  const pool = new Map<string, Watched>();

  const begin = (resource: Resource, isMetadataOnly: boolean): Watched => {
    const watchers = createWatchers<InformerChange>((error) => log.error('a listener of the store failed', { error }));
    const informers = new Map(
      [...new Set(namespaces)].map((namespace) => {
        const where = namespace === '' ? {} : { namespace };
        return [namespace, createInformer({ ...options, ...where, resource, metadataOnly: isMetadataOnly })] as const;
      }),
    );
    for (const informer of informers.values()) {
      informer.listen((change) => watchers.publish('', change), end);
      informer.run(end).catch((error: unknown) => log.error('an informer broke', { kind: resource.kind, error }));
    }
    const watched = { isMetadataOnly, informers, watchers };
    pool.set(idOf(resource), watched);
    return watched;
  };
  const informerOf = (resource: Resource, namespace: string): Informer | undefined => {
    const informers = pool.get(idOf(resource))?.informers;
    return informers?.get(namespace) ?? informers?.get('');
  };

  return {
    async watch(resource, isMetadataOnly, listener, signal) {
      if (signal.aborted) return;
      const { informers, watchers } = pool.get(idOf(resource)) ?? begin(resource, isMetadataOnly);
      const all = [...informers.values()];
      const known = all.flatMap((informer) => informer.list());
      const initial = known.map((object) => ({ type: 'added' as const, object, isInitial: true }));
      watchers.add('', initial, listener, signal);
      try {
        await Promise.all(all.map((informer) => informer.waitForSync(signal)));
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    },
    get(resource, key) {
      const informer = informerOf(resource, key.namespace);
      if (!informer?.isSynced || pool.get(idOf(resource))?.isMetadataOnly) return { isKnown: false };
      return { isKnown: true, object: informer.get(key) };
    },
    list(resource, namespace) {
      const watched = pool.get(idOf(resource));
      if (!watched || watched.isMetadataOnly) return undefined;
      const asked = namespace === undefined ? [...watched.informers.values()] : [informerOf(resource, namespace)];
      const lists: (readonly RawObject[])[] = [];
      for (const informer of asked) {
        if (!informer?.isSynced) return undefined;
        lists.push(informer.list(namespace));
      }
      return lists.flat().sort(byKey);
    },
    wrote: (resource, object) => informerOf(resource, object.metadata.namespace ?? '')?.wrote(object),
    gone: (resource, object) => informerOf(resource, object.metadata.namespace ?? '')?.gone(object),
    problems: () =>
      [...pool.values()].flatMap(({ informers }) => [...informers.values()].flatMap((one) => one.problem() ?? [])),
  };
}

function idOf({ apiVersion, kind }: Resource): string {
  return `${apiVersion} ${kind}`;
}
