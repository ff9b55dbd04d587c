import { isDeepStrictEqual } from 'node:util';
import type { KindDefinition } from '../../api/kind.ts';
import { apiVersionOf } from '../../api/kinds.ts';
import { type KubeObject, keyText, type ObjectKey, type ObjectMeta, toTime } from '../../api/meta.ts';
import type { Clock } from '../../lib/clock.ts';
import { uuid5 } from '../../lib/uuid.ts';
import { type Change, type ObjectTable, objectId } from '../object-table.ts';
import { type KindRef, StoreError } from '../store.ts';
import type { ManifestDocument, ParseSpec } from './manifests.ts';
import { isMasked, maskKeys } from './mask.ts';
import { isPlainKind } from './plain-kinds.ts';
import { type FolderStep, type Known, planFolder, type Seen } from './plan.ts';
import type { ManifestProblem } from './problem.ts';
import { canScale, withReplicas, writtenReplicas } from './replicas.ts';
import type { Override, StoredObject } from './rows.ts';
import type { StateFile } from './state-file.ts';

/** On objects that no manifest describes any more; the value is `true`. */
export const UNMANAGED = 'aiops.org/unmanaged';
/** On objects whose number of replicas was set by `scale`; the value is that number. */
export const SCALED_TO = 'aiops.org/scaled-to';

/**
 * How long a document must be gone before `--prune` believes it: an editor that empties a file before it writes it, or a
 * checkout that moves a document to another file, must not release machines.
 */
const PRUNE_AFTER_MS = 5000;

/** What is known of an object beside the object. */
interface Origin {
  readonly source: string;
  readonly hash: string;
  readonly specHash: string;
  readonly definition?: KindDefinition;
  readonly raw?: unknown;
  readonly isMasked: boolean;
  readonly override?: Override;
}

export interface ResidentsOptions {
  readonly installationId: string;
  readonly state: StateFile;
  readonly clock: Clock;
  readonly kinds: readonly KindDefinition[];
  readonly parse: ParseSpec;
  readonly prune: boolean;
}

/** What the state file held when it was opened. */
export interface Loaded {
  readonly objects: readonly KubeObject[];
  readonly origins: ReadonlyMap<string, Origin>;
  /** Objects whose stored spec this version cannot read: left alone until their manifest is there again. */
  readonly dormant: ReadonlyMap<string, KubeObject>;
}

/** Turns stored rows into objects, with specs parsed anew. */
export function loadObjects(options: ResidentsOptions): Loaded {
  const objects: KubeObject[] = [];
  const dormant = new Map<string, KubeObject>();
  const origins = new Map<string, Origin>();
  for (const row of options.state.objects) {
    const definition = options.kinds.find((kind) => objectId(refOf(kind), row.metadata) === row.id);
    origins.set(row.id, originOf(row, definition));
    const raw =
      row.override && definition ? withReplicas(definition, row.origin.raw, row.override.replicas) : row.origin.raw;
    const parsed = definition ? options.parse(definition, raw) : undefined;
    const object = toObject(row, options.installationId, parsed?.ok ? parsed.spec : undefined);
    if (definition && parsed?.ok) objects.push({ ...object, apiVersion: apiVersionOf(definition) });
    else dormant.set(row.id, object);
  }
  return { objects, origins, dormant };
}

function originOf(row: StoredObject, definition: KindDefinition | undefined): Origin {
  const { override, origin } = row;
  return {
    ...origin,
    isMasked: isMasked(origin.raw),
    ...(definition ? { definition } : {}),
    ...(override ? { override } : {}),
  };
}

function toObject(row: StoredObject, installationId: string, spec: unknown): KubeObject {
  const metadata = { ...row.metadata, uid: uuid5(installationId, row.id) };
  const status = row.status === undefined ? {} : { status: row.status };
  return { apiVersion: row.apiVersion, kind: row.kind, metadata, spec, ...status };
}

/** The objects of a folder of manifests: how its documents, deletions and overrides become objects. */
export interface Residents {
  /** Where each object was seen first, by id. */
  owners(): ReadonlyMap<string, string>;
  /** Whether any of the documents describes an object that is here already, or there is none here. */
  recognises(documents: readonly ManifestDocument[]): boolean;
  /** From now on others watch: objects whose keys come back have changed for them. */
  opened(): void;
  /** Makes the objects what the folder says. @throws {StoreError} `Unavailable`: nothing was changed, call it again */
  follow(seen: Seen): void;
  /** @throws {StoreError} `NotFound`, `Invalid`, `Unavailable` */
  delete(kind: KindRef, key: ObjectKey): void;
  /** @throws {StoreError} `NotFound`, `Invalid`, `Unavailable` */
  scale(kind: KindRef, key: ObjectKey, replicas: number): void;
  /** What a person should know about the objects themselves, given the documents that are there. */
  remarks(documents: readonly ManifestDocument[]): readonly ManifestProblem[];
}

export function createResidents(options: ResidentsOptions, table: ObjectTable, loaded: Loaded): Residents {
  const { state, clock, parse } = options;
  const origins = new Map(loaded.origins);
  const dormant = new Map(loaded.dormant);
  const deletions = new Map(state.deletions);
  let isOpen = false;
  /** On the monotonic clock, by id. */
  let goneSince: ReadonlyMap<string, number> = new Map();

  const known = (): ReadonlyMap<string, Known> => {
    const all = new Map<string, Known>();
    for (const [id, object] of [...table.all(), ...dormant]) {
      const origin = origins.get(id);
      if (!origin) continue;
      all.set(id, {
        source: origin.source,
        hash: origin.hash,
        isUnmanaged: object.metadata.annotations[UNMANAGED] !== undefined || dormant.has(id),
        isMasked: origin.isMasked || dormant.has(id),
        isPlain: isPlainKind(object.apiVersion, object.kind),
      });
    }
    return all;
  };

  /** The object as a document wants it, and what to keep beside it. */
  const settle = (document: ManifestDocument): { object: KubeObject; origin: Origin; isChanged: boolean } => {
    const { id, definition } = document;
    const old = table.find(id) ?? dormant.get(id);
    const before = old && origins.get(id);
    const { spec, override } = specOf(document, before?.override, parse);
    const marks = { ...document.metadata.annotations, ...scaleMark(override) };
    const body = definition ? { spec } : { spec: undefined, data: document.data };
    const isNewSpec =
      before !== undefined &&
      definition !== undefined &&
      (before.specHash !== document.specHash ||
        before.override?.replicas !== override?.replicas ||
        (before.isMasked && isOpen && !isDeepStrictEqual(old?.spec, spec)));
    const base = old?.metadata ?? newMetadata(document, options.installationId, clock);
    const metadata: ObjectMeta = {
      ...base,
      generation: base.generation + (isNewSpec ? 1 : 0),
      labels: document.metadata.labels,
      annotations: marks,
    };
    const next = { ...old, apiVersion: document.apiVersion, kind: document.kind, ...body, metadata };
    const origin: Origin = {
      source: document.file,
      hash: document.hash,
      specHash: document.specHash,
      isMasked: false,
      ...(definition ? { definition, raw: document.raw } : {}),
      ...(override ? { override } : {}),
    };
    const isChanged = dormant.has(id) || !isDeepStrictEqual(next, old);
    const object = isChanged ? { ...next, metadata: { ...metadata, resourceVersion: table.nextVersion() } } : next;
    return { object, origin, isChanged };
  };
  const saveOrigin = (id: string, origin: Origin): void => {
    if (!origin.definition) return;
    state.saveOrigin(id, { ...origin, raw: maskKeys(origin.definition, origin.raw) });
    state.saveOverride(id, origin.override);
  };

  /** Whether a remembered deletion is about another content than the document has: it has served its purpose. */
  const isOutdated = (id: string, origin: Origin): boolean => deletions.get(id)?.hash !== origin.hash;

  const followDocuments = (documents: readonly ManifestDocument[]): void => {
    const settled = documents.map((document) => ({ id: document.id, ...settle(document) }));
    if (settled.length === 0) return;
    const changes = settled.filter(({ isChanged }) => isChanged);
    table.commit(
      changes.map(({ object }) => ({ kind: 'put', object })),
      () => {
        for (const { id, origin } of settled) {
          saveOrigin(id, origin);
          if (isOutdated(id, origin)) state.forgetDeletion(id);
        }
      },
    );
    for (const { id, origin } of settled) {
      if (isOutdated(id, origin)) deletions.delete(id);
      origins.set(id, origin);
      dormant.delete(id);
    }
  };
  const releaseOrDrop = (step: FolderStep): readonly Change[] => {
    if (step.kind !== 'release' && step.kind !== 'drop') return [];
    const object = table.find(step.id);
    if (!object) return [];
    if (step.kind === 'drop') return [{ kind: 'drop', object }];
    const annotations = { ...object.metadata.annotations, [UNMANAGED]: 'true' };
    const metadata = { ...object.metadata, annotations, resourceVersion: table.nextVersion() };
    return [{ kind: 'put', object: { ...object, metadata } }];
  };
  /** Those of the objects whose documents are gone that have been without one long enough. */
  const longGone = (ids: readonly string[]): readonly string[] => {
    const now = clock.monotonic();
    goneSince = new Map(ids.map((id) => [id, goneSince.get(id) ?? now]));
    return ids.filter((id) => now - (goneSince.get(id) ?? now) >= PRUNE_AFTER_MS);
  };
  const mustFind = (kind: KindRef, key: ObjectKey): { id: string; object: KubeObject; origin: Origin } => {
    const id = objectId(kind, key);
    const object = table.find(id);
    const origin = origins.get(id);
    if (object && origin) return { id, object, origin };
    const why = dormant.has(id)
      ? 'cannot be read by this version; put its manifest into the folder first'
      : 'does not exist';
    throw new StoreError('NotFound', `${kind.kind} ${keyText(key)} ${why}`);
  };

  return {
    owners: () => new Map([...known()].map(([id, { source }]) => [id, source])),
    recognises(documents) {
      const here = known();
      return [...here.values()].every((object) => object.isPlain) || documents.some(({ id }) => here.has(id));
    },
    opened() {
      isOpen = true;
    },
    follow(seen) {
      for (const id of origins.keys()) if (!table.find(id) && !dormant.has(id)) origins.delete(id);
      const remembered = new Map([...deletions].map(([id, { hash }]) => [id, hash]));
      const steps = planFolder({ seen, known: known(), deletions: remembered, prune: options.prune });
      followDocuments(steps.flatMap((step) => ('document' in step ? [step.document] : [])));
      const others = steps.flatMap(releaseOrDrop);
      if (others.length > 0) table.commit(others);
      for (const id of longGone(steps.flatMap((step) => (step.kind === 'prune' ? [step.id] : [])))) {
        const object = table.find(id);
        if (object) table.requestDeletion(object, object.metadata);
      }
    },
    delete(kind, key) {
      const { id, object, origin } = mustFind(kind, key);
      if (isPlainKind(kind.apiVersion, kind.kind)) {
        throw new StoreError(
          'Invalid',
          `${kind.kind} ${keyText(key)} is its manifest; remove it from ${origin.source}`,
        );
      }
      const at = toTime(clock.now());
      if (object.metadata.deletionTimestamp !== undefined) return;
      table.requestDeletion(kind, key, () => state.saveDeletion(id, origin.hash, at));
      deletions.set(id, { hash: origin.hash, at });
    },
    scale(kind, key, replicas) {
      const { id, object, origin } = mustFind(kind, key);
      const { definition } = origin;
      if (!definition || !canScale(definition)) throw new StoreError('Invalid', `${kind.kind} cannot be scaled`);
      if (!Number.isInteger(replicas) || replicas < 0) {
        throw new StoreError('Invalid', `replicas is ${replicas}; it must be a whole number, 0 or more`);
      }
      const written = writtenReplicas(definition, origin.raw);
      const parsed = parse(definition, withReplicas(definition, origin.raw, replicas));
      if (!parsed.ok) {
        const faults = parsed.problems.map(({ message }) => message);
        throw new StoreError(
          'Invalid',
          `${kind.kind} ${keyText(key)} cannot be scaled to ${replicas}: ${faults.join('; ')}`,
        );
      }
      const override = written === String(replicas) ? undefined : { replicas, written };
      if (override?.replicas === origin.override?.replicas) return;
      const { override: _, ...rest } = origin;
      const next: Origin = override ? { ...rest, override } : rest;
      const { [SCALED_TO]: _mark, ...annotations } = object.metadata.annotations;
      const metadata = {
        ...object.metadata,
        generation: object.metadata.generation + 1,
        resourceVersion: table.nextVersion(),
        annotations: { ...annotations, ...scaleMark(override) },
      };
      table.commit([{ kind: 'put', object: { ...object, spec: parsed.spec, metadata } }], () =>
        state.saveOverride(id, override),
      );
      origins.set(id, next);
    },
    remarks(documents) {
      const deleted = documents.flatMap((document): readonly ManifestProblem[] => {
        const deletion = deletions.get(document.id);
        if (deletion?.hash !== document.hash || table.find(document.id)) return [];
        const { file, line, kind, metadata } = document;
        const message = `was deleted at ${deletion.at}; this manifest brings it back once it says something else`;
        return [{ file, line, column: 1, object: `${kind} ${keyText(metadata)}`, message }];
      });
      const keyless = [...table.all()].flatMap(([id, object]): readonly ManifestProblem[] => {
        const origin = origins.get(id);
        if (!origin?.isMasked) return [];
        const message = `its keys stand only in ${origin.source}, which is not there; put it back`;
        return [{ file: '', object: `${object.kind} ${keyText(object.metadata)}`, message }];
      });
      const sleeping = [...dormant.values()].map((object): ManifestProblem => {
        const message = 'cannot be read by this version and is left alone; put its manifest into the folder';
        return { file: '', object: `${object.kind} ${keyText(object.metadata)}`, message };
      });
      return [...deleted, ...keyless, ...sleeping];
    },
  };
}

/** The spec that a document and an override give together. An override ends when the document's own value changes. */
function specOf(
  document: ManifestDocument,
  override: Override | undefined,
  parse: ParseSpec,
): { spec: unknown; override?: Override } {
  const { definition, raw, spec } = document;
  if (!override || !definition || override.written !== writtenReplicas(definition, raw)) return { spec };
  const parsed = parse(definition, withReplicas(definition, raw, override.replicas));
  return parsed.ok ? { spec: parsed.spec, override } : { spec };
}

function scaleMark(override: Override | undefined): Record<string, string> {
  return override ? { [SCALED_TO]: String(override.replicas) } : {};
}

function newMetadata(document: ManifestDocument, installationId: string, clock: Clock): ObjectMeta {
  const { name, namespace } = document.metadata;
  return {
    name,
    namespace,
    uid: uuid5(installationId, document.id),
    generation: 1,
    resourceVersion: '',
    creationTimestamp: toTime(clock.now()),
    finalizers: [],
    labels: {},
    annotations: {},
  };
}

function refOf(kind: KindDefinition): KindRef {
  return { apiVersion: apiVersionOf(kind), kind: kind.kind };
}
