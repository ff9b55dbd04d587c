import type { KubeObject } from '../../../src/api/meta.ts';
import type { StateFile } from '../../../src/store/local/state-file.ts';
import type { Kind, Point } from './points.ts';

/** What of an object tells one write from another. */
interface Face {
  readonly finalizers: number;
  readonly status: string;
}

const faceOf = ({ metadata, status }: Pick<KubeObject, 'metadata' | 'status'>): Face => ({
  finalizers: metadata.finalizers.length,
  status: JSON.stringify(status ?? null),
});

/**
 * A state file whose every write is a point: right before it is kept, and right after. A write is what one transaction
 * holds; its kind follows from what changes.
 * @param dies asked at each point; true cuts the write off: nothing of it is kept (`before`), or nobody hears of it (`after`)
 */
export function cutting(state: StateFile, dies: (point: Point) => boolean): StateFile {
  const faces = new Map(
    state.objects.map((object) => [object.id, faceOf({ ...object, metadata: { uid: '', ...object.metadata } })]),
  );
  let kind: Kind = 'follow';
  /** A document was taken over in this transaction; otherwise an override is the command of a person. */
  let isFollowing = false;
  const cutOff = (): never => {
    throw new Error('this life is over');
  };
  const write = (what: Kind, work: () => void): void => {
    if (dies({ kind: what, side: 'before' })) cutOff();
    work();
    if (dies({ kind: what, side: 'after' })) cutOff();
  };
  return {
    ...state,
    atomically(version, work) {
      kind = 'follow';
      isFollowing = false;
      state.atomically(version, () => {
        work();
        if (dies({ kind, side: 'before' })) cutOff();
      });
      if (dies({ kind, side: 'after' })) cutOff();
    },
    put(id, object) {
      const before = faces.get(id);
      const after = faceOf(object);
      faces.set(id, after);
      if (before && after.finalizers > before.finalizers) kind = 'addFinalizer';
      else if (before && after.finalizers < before.finalizers) kind = 'removeFinalizer';
      else if (before && after.status !== before.status) kind = 'writeStatus';
      state.put(id, object);
    },
    drop(id) {
      faces.delete(id);
      kind = 'removeFinalizer';
      state.drop(id);
    },
    saveDeletion(...args) {
      kind = 'delete';
      state.saveDeletion(...args);
    },
    saveOrigin(...args) {
      isFollowing = true;
      kind = 'follow';
      state.saveOrigin(...args);
    },
    saveOverride(...args) {
      if (!isFollowing) kind = 'scale';
      state.saveOverride(...args);
    },
    claim: (...args) => write('claim', () => state.claim(...args)),
    saveProblems: (...args) => write('saveProblems', () => state.saveProblems(...args)),
    saveEvents: (...args) => write('saveEvents', () => state.saveEvents(...args)),
  };
}
