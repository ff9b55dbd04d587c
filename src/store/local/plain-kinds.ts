import { type Finding, isRecord, unknownFields } from './metadata.ts';

/** Kinds that are nothing but data: kept in memory only, never on disk, and gone with their document. */
export function isPlainKind(apiVersion: unknown, kind: unknown): kind is 'Secret' | 'ConfigMap' {
  return apiVersion === 'v1' && (kind === 'Secret' || kind === 'ConfigMap');
}

const ENTRY_NAME = /^[-._a-zA-Z0-9]{1,253}$/;
/** Four signs make three bytes; the last group is filled up. Source: RFC 4648, 4. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const HEAD = ['apiVersion', 'kind', 'metadata', 'immutable'];

type Read<T> = { readonly data: Readonly<Record<string, T>>; readonly findings: readonly Finding[] };

/**
 * Reads the entries of a Secret: `data` in base64, and `stringData`, which wins, as it is. A finding names the entry and
 * never its value. Source: Kubernetes API reference, Secret v1.
 */
export function readSecret(document: Readonly<Record<string, unknown>>): Read<Uint8Array> {
  const findings = [...unknownFields(document, [...HEAD, 'type', 'data', 'stringData'], [])];
  const data: Record<string, Uint8Array> = {};
  for (const [name, value] of entriesOf(document, 'data', findings)) {
    const text = value.replaceAll(/[\r\n]/g, '');
    if (BASE64.test(text)) data[name] = Buffer.from(text, 'base64');
    else findings.push({ path: ['data', name], message: 'is not base64; write plain text under stringData instead' });
  }
  for (const [name, value] of entriesOf(document, 'stringData', findings)) data[name] = Buffer.from(value);
  return { data, findings };
}

/** Reads the entries of a ConfigMap. Source: Kubernetes API reference, ConfigMap v1. */
export function readConfigMap(document: Readonly<Record<string, unknown>>): Read<string> {
  const findings = [...unknownFields(document, [...HEAD, 'data', 'binaryData'], [])];
  return { data: Object.fromEntries(entriesOf(document, 'data', findings)), findings };
}

function entriesOf(
  document: Readonly<Record<string, unknown>>,
  field: string,
  findings: Finding[],
): readonly (readonly [string, string])[] {
  const given = document[field];
  if (given === undefined || given === null) return [];
  if (!isRecord(given)) {
    findings.push({ path: [field], message: 'must be a map of text to text' });
    return [];
  }
  const entries: (readonly [string, string])[] = [];
  for (const [name, value] of Object.entries(given)) {
    const path = [field, name];
    if (!ENTRY_NAME.test(name)) {
      findings.push({ path, message: 'is not a good name; allowed are at most 253 letters, digits, "-", "_" and "."' });
    } else if (typeof value !== 'string') {
      findings.push({ path, message: 'must be text: put it in quotes' });
    } else {
      entries.push([name, value]);
    }
  }
  return entries;
}
