import type { ManifestDocument } from './manifests.ts';

/** What the store knows of an object that came from a manifest. */
export interface Known {
  /** The file that describes it. */
  readonly source: string;
  readonly hash: string;
  /** No document describes it any more. */
  readonly isUnmanaged: boolean;
  /** Its keys, which are kept in memory only, are not known: it was read back from disk. */
  readonly isMasked: boolean;
  /** A Secret or ConfigMap: it is nothing but its document. */
  readonly isPlain: boolean;
}

/** What the folder says. */
export interface Seen {
  readonly documents: readonly ManifestDocument[];
  /** Files with any fault: what they described before may still be meant. */
  readonly faultyFiles: ReadonlySet<string>;
  readonly faultyIds: ReadonlySet<string>;
}

/** What to do with one object. */
export type FolderStep =
  | { readonly kind: 'create'; readonly document: ManifestDocument }
  | { readonly kind: 'update'; readonly document: ManifestDocument }
  /** Its document is gone: keep the object and say so. */
  | { readonly kind: 'release'; readonly id: string }
  /** Its document is gone and the user wants such objects deleted. */
  | { readonly kind: 'prune'; readonly id: string }
  | { readonly kind: 'drop'; readonly id: string };

export interface FolderPlanInput {
  readonly seen: Seen;
  readonly known: ReadonlyMap<string, Known>;
  /** Content of the documents whose objects were deleted, by id: the same document does not bring them back. */
  readonly deletions: ReadonlyMap<string, string>;
  readonly prune: boolean;
}

/**
 * Decides what a reading of the folder changes. Pure; carrying the steps out and planning again gives no steps. A faulty
 * file or document leaves what it described before as it is.
 */
export function planFolder({ seen, known, deletions, prune }: FolderPlanInput): readonly FolderStep[] {
  const steps: FolderStep[] = [];
  const described = new Set<string>();
  for (const document of seen.documents) {
    described.add(document.id);
    const object = known.get(document.id);
    if (!object) {
      if (deletions.get(document.id) !== document.hash) steps.push({ kind: 'create', document });
    } else if (differs(object, document)) {
      steps.push({ kind: 'update', document });
    }
  }
  for (const [id, object] of known) {
    if (described.has(id) || seen.faultyIds.has(id) || seen.faultyFiles.has(object.source)) continue;
    if (object.isPlain) steps.push({ kind: 'drop', id });
    else if (prune) steps.push({ kind: 'prune', id });
    else if (!object.isUnmanaged) steps.push({ kind: 'release', id });
  }
  return steps;
}

function differs(object: Known, document: ManifestDocument): boolean {
  return object.hash !== document.hash || object.source !== document.file || object.isUnmanaged || object.isMasked;
}
