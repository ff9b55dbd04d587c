import { suggestWord } from '../../api/suggest.ts';

/** One thing wrong, at a path from the root of the document. */
export interface Finding {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What a manifest says of its object's name and marks. */
export interface ManifestMetadata {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
/** Kubernetes bounds the whole name and not its parts. */
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const MAX_NAME = 253;
const MAX_ANNOTATION_BYTES = 256 * 1024;

/** Fields that `kubectl get -o yaml` writes and that mean nothing in a manifest: accepted and left aside. */
const WRITTEN_BY_SERVER = [
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'finalizers',
  'managedFields',
  'ownerReferences',
  'selfLink',
];
/** Where kubectl keeps the whole manifest once more, inline keys included: left aside too. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
const KNOWN = ['name', 'namespace', 'labels', 'annotations', ...WRITTEN_BY_SERVER];

/**
 * Reads `metadata` as a Kubernetes API server would. Names that are sound are answered beside findings about the rest.
 * Source: Kubernetes, "Object Names and IDs" and "Labels and Selectors".
 */
export function readMetadata(given: unknown): { metadata?: ManifestMetadata; findings: readonly Finding[] } {
  if (!isRecord(given)) {
    return { findings: [{ path: ['metadata'], message: 'is missing; it must hold at least a name' }] };
  }
  const written = given['namespace'] ?? '';
  const namespace = written === '' ? 'default' : written;
  const wrongNames = [...checkName(given['name']), ...checkNamespace(namespace)];
  const wrongMarks = [
    ...unknownFields(given, KNOWN, ['metadata']),
    ...checkMarks(given['labels'], 'labels'),
    ...checkMarks(given['annotations'], 'annotations'),
  ];
  if (wrongNames.length > 0) return { findings: [...wrongNames, ...wrongMarks] };
  return {
    findings: wrongMarks,
    metadata: {
      name: given['name'] as string,
      namespace: namespace as string,
      labels: marksOf(given['labels']),
      annotations: withoutLastApplied(marksOf(given['annotations'])),
    },
  };
}

/** A mark without a value is an empty one. */
function marksOf(given: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(given ?? {}).map(([key, value]) => [key, (value ?? '') as string]));
}

function withoutLastApplied({ [LAST_APPLIED]: _, ...annotations }: Record<string, string>): Record<string, string> {
  return annotations;
}

/** Fields that stand in `given` but not in `known`, each with the known one that looks most like it. */
export function unknownFields(
  given: Readonly<Record<string, unknown>>,
  known: readonly string[],
  path: readonly string[],
): readonly Finding[] {
  return Object.keys(given)
    .filter((field) => !known.includes(field))
    .map((field) => ({ path: [...path, field], message: `is not a known field${suggestion(field, known)}` }));
}

/** `; did you mean "name"?`, or nothing when none of the words is near. */
export function suggestion(text: string, known: readonly string[]): string {
  const near = suggestWord(known, text);
  return near === undefined ? '' : `; did you mean "${near}"?`;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function checkName(name: unknown): readonly Finding[] {
  const path = ['metadata', 'name'];
  if (name === undefined || name === null) return [{ path, message: 'is missing' }];
  const isGood = typeof name === 'string' && name.length <= MAX_NAME && isSubdomain(name);
  if (isGood) return [];
  const allowed = `lower-case letters, digits, "-" and ".", beginning and ending with a letter or digit, at most ${MAX_NAME}`;
  return [{ path, message: `is ${shown(name)}; allowed are ${allowed}` }];
}

function checkNamespace(namespace: unknown): readonly Finding[] {
  if (typeof namespace === 'string' && DNS_LABEL.test(namespace)) return [];
  const allowed = 'lower-case letters, digits and "-", beginning and ending with a letter or digit, at most 63';
  return [{ path: ['metadata', 'namespace'], message: `is ${shown(namespace)}; allowed are ${allowed}` }];
}

function checkMarks(given: unknown, field: 'labels' | 'annotations'): readonly Finding[] {
  const path = ['metadata', field];
  if (given === undefined || given === null) return [];
  if (!isRecord(given)) return [{ path, message: `is ${shown(given)}; it must be a map of text to text` }];
  const entries = Object.entries(given);
  const findings = entries.flatMap(([key, value]) => checkMark([...path, key], key, value, field));
  const bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(`${key}${String(value ?? '')}`), 0);
  if (field === 'labels' || bytes <= MAX_ANNOTATION_BYTES) return findings;
  return [...findings, { path, message: `hold ${bytes} bytes; ${MAX_ANNOTATION_BYTES} are allowed` }];
}

function checkMark(path: readonly string[], key: string, value: unknown, field: string): readonly Finding[] {
  const slash = key.indexOf('/');
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  // Of annotations the case of the prefix does not matter.
  const domain = field === 'annotations' ? prefix?.toLowerCase() : prefix;
  const isGoodKey = QUALIFIED.test(key.slice(slash + 1)) && (domain === undefined || isSubdomain(domain));
  if (!isGoodKey) {
    const allowed = 'at most 63 letters, digits, "-", "_" and ".", if need be behind a DNS name and "/"';
    return [{ path, message: `is not a good key; allowed are ${allowed}` }];
  }
  if (value === null) return [];
  if (typeof value !== 'string') return [{ path, message: `is ${shown(value)}; it must be text: put it in quotes` }];
  if (field === 'annotations' || value === '' || QUALIFIED.test(value)) return [];
  return [{ path, message: `is ${shown(value)}; a label holds at most 63 letters, digits, "-", "_" and "."` }];
}

function isSubdomain(text: string): boolean {
  return text.length <= MAX_NAME && SUBDOMAIN.test(text);
}

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 80) ?? 'nothing';
}
