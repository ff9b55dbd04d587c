import type { WatchEvent } from '../store/store.ts';

/** Whether an event is worth a reconcile. */
export type Predicate = (event: WatchEvent) => boolean;

/** Builds a predicate that looks at updates only: what is created, deleted or there from the start always passes. */
function changed(isChange: (old: Meta, now: Meta) => boolean): Predicate {
  return ({ type, old, object }) => type !== 'modified' || !old || isChange(old.metadata, object.metadata);
}
type Meta = WatchEvent['object']['metadata'];

/** Which updates wake a controller. `anyOf(generationChanged, annotationChanged(TRIGGER))` is the usual choice. */
export const predicates = {
  /** The spec was changed or deletion was asked for; not status, labels or annotations. Ends loops over own status writes. */
  generationChanged: changed((old, now) => old.generation !== now.generation),
  resourceVersionChanged: changed((old, now) => old.resourceVersion !== now.resourceVersion),
  labelsChanged: changed((old, now) => !isSameRecord(old.labels, now.labels)),
  annotationChanged: (name: string): Predicate =>
    changed((old, now) => own(old.annotations, name) !== own(now.annotations, name)),
  anyOf:
    (...choices: readonly Predicate[]): Predicate =>
    (event) =>
      choices.some((predicate) => predicate(event)),
  allOf:
    (...choices: readonly Predicate[]): Predicate =>
    (event) =>
      choices.every((predicate) => predicate(event)),
  not:
    (predicate: Predicate): Predicate =>
    (event) =>
      !predicate(event),
} as const;

type Texts = Readonly<Record<string, string>>;

function own(texts: Texts, name: string): string | undefined {
  return Object.hasOwn(texts, name) ? texts[name] : undefined;
}

function isSameRecord(a: Texts, b: Texts): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => own(b, name) === a[name]);
}
