import { type Document, LineCounter, parseAllDocuments, type YAMLError } from 'yaml';
import type { KindDefinition } from '../../api/kind.ts';
import { apiVersionOf } from '../../api/kinds.ts';
import { keyText } from '../../api/meta.ts';
import { pathText } from '../../api/problem.ts';
import { fingerprint } from '../../lib/hash.ts';
import { objectId } from '../object-table.ts';
import { type Finding, isRecord, type ManifestMetadata, readMetadata, suggestion, unknownFields } from './metadata.ts';
import { isPlainKind, readConfigMap, readSecret } from './plain-kinds.ts';
import { positionOf } from './positions.ts';
import { type ManifestProblem, problemText } from './problem.ts';
import { kubernetesWords } from './yaml-words.ts';

/** Parses a spec as the user wrote it. Paths are relative to the spec, and messages name the field themselves. */
export type ParseSpec = (
  kind: KindDefinition,
  raw: unknown,
) =>
  | { readonly ok: true; readonly spec: unknown }
  | {
      readonly ok: false;
      readonly problems: readonly { readonly path: readonly (string | number)[]; readonly message: string }[];
    };

/** A file as read; `path` is what messages call it. */
export interface ManifestFile {
  readonly path: string;
  readonly text: string;
}

/** One object that a manifest describes, without fault. */
export interface ManifestDocument {
  /** As `objectId` makes it. */
  readonly id: string;
  readonly file: string;
  readonly line: number;
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ManifestMetadata;
  /** Absent for Secrets and ConfigMaps. */
  readonly definition?: KindDefinition;
  /** As the user wrote it. */
  readonly raw?: unknown;
  /** Parsed. */
  readonly spec?: unknown;
  readonly data?: Readonly<Record<string, unknown>>;
  /** Of all that the document says; comments, order and spelling of YAML are no part of it. */
  readonly hash: string;
  readonly specHash: string;
}

export interface Manifests {
  /** In the order of the files, one for each object. */
  readonly documents: readonly ManifestDocument[];
  readonly problems: readonly ManifestProblem[];
  /** Objects that a faulty document meant, by id. */
  readonly faultyIds: ReadonlySet<string>;
}

export interface ReadOptions {
  readonly kinds: readonly KindDefinition[];
  readonly parse: ParseSpec;
  /** Where an object was seen first, by id: that file keeps it when two describe it. */
  readonly owners?: ReadonlyMap<string, string>;
}

const HEAD = ['apiVersion', 'kind', 'metadata', 'spec', 'status'];
/** Enough for any honest use of anchors; stops documents that blow themselves up. */
const MAX_ALIASES = 100;
/** Of one document, so that it does not hide what is wrong with others. */
const MAX_SYNTAX_PROBLEMS = 10;

/** Something that may describe one object: a document, or an item of a list. */
interface Candidate {
  readonly file: string;
  readonly document: Document;
  readonly lines: LineCounter;
  readonly path: readonly (string | number)[];
  readonly value: unknown;
}

/** Reads manifests: every object that is without fault, and every fault of the others, with its place. Pure. */
export function readManifests(files: readonly ManifestFile[], options: ReadOptions): Manifests {
  const problems: ManifestProblem[] = [];
  const faultyIds = new Set<string>();
  const found: ManifestDocument[] = [];
  for (const file of files) {
    try {
      for (const candidate of candidatesOf(file, problems)) {
        const result = readObject(candidate, options);
        if (result.document) found.push(result.document);
        problems.push(...result.problems);
        if (result.faultyId !== undefined) faultyIds.add(result.faultyId);
      }
    } catch (error) {
      problems.push({ file: file.path, line: 1, column: 1, message: unreadable(error) });
    }
  }
  const { documents, doubles } = withoutDoubles(found, options.owners);
  return { documents, problems: [...problems, ...doubles], faultyIds };
}

function candidatesOf(file: ManifestFile, problems: ManifestProblem[]): readonly Candidate[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(file.text, {
    lineCounter: lines,
    prettyErrors: false,
    merge: true,
    customTags: kubernetesWords,
  });
  if (!Array.isArray(documents)) return [];
  return documents.flatMap((document: Document): readonly Candidate[] => {
    const faults = [...document.errors, ...document.warnings];
    if (faults.length > 0) {
      problems.push(...syntaxProblems(file.path, lines, faults));
      return [];
    }
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: MAX_ALIASES });
      // Refuses what holds itself, which nothing behind this could walk through.
      JSON.stringify(value);
    } catch (error) {
      if (error instanceof RangeError) throw error;
      const place = positionOf(document, lines, []);
      problems.push({
        file: file.path,
        ...place,
        message: `uses anchors more than ${MAX_ALIASES} times or in a circle`,
      });
      return [];
    }
    if (value === null || value === undefined) return [];
    return itemsOf({ file: file.path, document, lines, path: [], value });
  });
}

/** The items of a `List` of Kubernetes, or the thing itself. */
function itemsOf(candidate: Candidate): readonly Candidate[] {
  const { value } = candidate;
  if (!isRecord(value) || !/List$/.test(String(value['kind'])) || !Array.isArray(value['items'])) return [candidate];
  return value['items'].flatMap((item: unknown, index) =>
    itemsOf({ ...candidate, path: [...candidate.path, 'items', index], value: item }),
  );
}

/** What is wrong with a document that does not parse. After a few faults the parser has lost its way, and repeats itself. */
function syntaxProblems(file: string, lines: LineCounter, faults: readonly YAMLError[]): readonly ManifestProblem[] {
  const all = faults.map((fault) => syntaxProblem(file, lines, fault));
  const distinct = [...new Map(all.map((problem) => [problemText(problem), problem])).values()];
  return distinct.slice(0, MAX_SYNTAX_PROBLEMS);
}

/** What the parser says, without what it quotes: that may be a password which begins with a star. */
function syntaxProblem(file: string, lines: LineCounter, fault: YAMLError): ManifestProblem {
  const { line, col } = lines.linePos(fault.pos[0]);
  const ours: Readonly<Record<string, string>> = {
    BAD_ALIAS: 'an alias (*name) has no anchor; put the text in quotes',
    TAG_RESOLVE_FAILED: 'an unknown tag (!name); put the text in quotes',
  };
  const message = ours[fault.code] ?? fault.message.split(': ')[0];
  return { file, line: Math.max(1, line), column: Math.max(1, col), message: `not valid YAML: ${message}` };
}

/** Whatever a file makes the parser do, the others are read. What it throws may quote the file, and is not shown. */
function unreadable(error: unknown): string {
  return error instanceof RangeError ? 'is nested too deeply' : 'cannot be understood';
}

function readObject(
  candidate: Candidate,
  options: ReadOptions,
): { document?: ManifestDocument; problems: readonly ManifestProblem[]; faultyId?: string } {
  const { file, document, lines, path, value } = candidate;
  const place = (at: readonly (string | number)[]): { line: number; column: number } =>
    positionOf(document, lines, [...path, ...at]);
  if (!isRecord(value)) {
    const message = 'is not an object of Kubernetes; it must be a map with apiVersion, kind, metadata and spec';
    return { problems: [{ file, ...place([]), message }] };
  }
  const apiVersion = String(value['apiVersion'] ?? '');
  const kind = String(value['kind'] ?? '');
  const definition = options.kinds.find((known) => known.kind === kind && apiVersionOf(known) === apiVersion);
  if (!definition && !isPlainKind(apiVersion, kind)) {
    const at = ['kind' in value ? 'kind' : 'apiVersion'];
    return { problems: [{ file, ...place(at), path: at[0] ?? '', message: unknownKind(value, options.kinds) }] };
  }
  const { metadata, findings } = readMetadata(value['metadata']);
  const body = definition ? readSpec(definition, value, options.parse) : readPlain(kind, value);
  const all = [...findings, ...body.findings];
  const object = metadata && `${kind} ${keyText(metadata)}`;
  const id = metadata && objectId({ apiVersion, kind }, metadata);
  if (all.length > 0 || !metadata || id === undefined) {
    const problems = all.map(({ path: at, message }) => ({
      file,
      ...place(at),
      ...(object === undefined ? {} : { object }),
      ...(at.length === 0 || (definition && at[0] === 'spec') ? {} : { path: pathText(at) }),
      message,
    }));
    return { problems, ...(id === undefined ? {} : { faultyId: id }) };
  }
  const { apiVersion: _a, kind: _k, status: _s, ...said } = value;
  const hashes = { hash: fingerprint({ ...said, metadata }, 64), specHash: fingerprint(value['spec'] ?? null, 64) };
  const base = { id, file, line: place([]).line, apiVersion, kind, metadata, ...hashes };
  if (!definition) return { document: { ...base, data: body.data ?? {} }, problems: [] };
  return { document: { ...base, definition, raw: value['spec'], spec: body.spec }, problems: [] };
}

type Body = { findings: readonly Finding[]; spec?: unknown; data?: Readonly<Record<string, unknown>> };

function readPlain(kind: string, value: Record<string, unknown>): Body {
  return kind === 'Secret' ? readSecret(value) : readConfigMap(value);
}

function readSpec(definition: KindDefinition, value: Record<string, unknown>, parse: ParseSpec): Body {
  const findings = [...unknownFields(value, HEAD, [])];
  if (!isRecord(value['spec'])) {
    return { findings: [...findings, { path: ['spec'], message: 'spec is missing; it must be a map' }] };
  }
  const result = parse(definition, value['spec']);
  if (result.ok) return { findings, spec: result.spec };
  const inSpec = result.problems.map(({ path, message }) => ({ path: ['spec', ...path], message }));
  return { findings: [...findings, ...inSpec] };
}

function unknownKind(value: Record<string, unknown>, kinds: readonly KindDefinition[]): string {
  const known = [...kinds.map((kind) => `${apiVersionOf(kind)} ${kind.kind}`), 'v1 Secret', 'v1 ConfigMap'];
  const given = [value['apiVersion'], value['kind']].map((part) => String(part ?? '(nothing)').slice(0, 100)).join(' ');
  return `${given} is not a known kind${suggestion(given, known)}; known are: ${known.join(', ')}`;
}

/** Keeps one document for each object: that of the file which had it first, else the first one. */
function withoutDoubles(
  found: readonly ManifestDocument[],
  owners: ReadonlyMap<string, string> = new Map(),
): { documents: readonly ManifestDocument[]; doubles: readonly ManifestProblem[] } {
  const kept = new Map<string, ManifestDocument>();
  for (const document of found) {
    const before = kept.get(document.id);
    const isOwner = owners.get(document.id) === document.file && before?.file !== document.file;
    if (!before || isOwner) kept.set(document.id, document);
  }
  const doubles = found.flatMap((document): readonly ManifestProblem[] => {
    const winner = kept.get(document.id);
    if (!winner || winner === document) return [];
    const { file, line, kind, metadata } = document;
    const message = `is described twice: ${winner.file}:${winner.line} counts, ${file}:${line} does not; remove one`;
    return [{ file, line, column: 1, object: `${kind} ${keyText(metadata)}`, message }];
  });
  return { documents: [...kept.values()], doubles };
}
