import { KubeError } from './kube-error.ts';
import { type RawObject, toRawObject } from './raw-object.ts';
import { type Resource, resourcePath } from './resource.ts';
import type { KubeTransport } from './transport.ts';
import { isNewer } from './versions.ts';

/** So many objects a page: parsing one stays far below 20 ms. Source: client-go's pager. */
const PAGE_SIZE = '500';
/** How often a list begins anew because the server forgot where it stood. More often, and it is a failure like others. */
const MOST_RESTARTS = 3;

/** Which objects are meant. */
export interface Selection {
  readonly resource: Resource;
  /** `undefined`: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Only metadata is fetched and kept. */
  readonly metadataOnly?: boolean | undefined;
}

/** Takes the objects of one page; `version` is that of the whole list. */
export type TakePage = (objects: readonly RawObject[], version: string) => void;

interface Page {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly unknown[] | null;
}

/**
 * Lists everything selected, page by page. `begin` is called for each attempt: when the server has forgotten the list
 * half-way, all of it comes once more.
 * @param isStale any state that the server has at hand will do
 * @returns the version of the list, to watch from
 * @throws {KubeError}; the reason of `signal` when that is aborted
 */
export async function listPages(
  transport: KubeTransport,
  selection: Selection,
  isStale: boolean,
  begin: () => TakePage,
  signal: AbortSignal,
): Promise<string> {
  for (let restarts = 0; ; restarts++) {
    const attempt = { hasBegun: false };
    try {
      return await listOnce(transport, selection, isStale && restarts === 0, onFirst(begin, attempt), signal);
    } catch (error) {
      const hasForgotten = error instanceof KubeError && error.code === 410;
      if (!hasForgotten || !attempt.hasBegun || restarts === MOST_RESTARTS) throw error;
    }
  }
}

function onFirst(begin: () => TakePage, attempt: { hasBegun: boolean }): TakePage {
  const take = begin();
  return (objects, version) => {
    attempt.hasBegun = true;
    take(objects, version);
  };
}

async function listOnce(
  transport: KubeTransport,
  selection: Selection,
  isStale: boolean,
  take: TakePage,
  signal: AbortSignal,
): Promise<string> {
  const { resource, namespace, labelSelector, fieldSelector, metadataOnly } = selection;
  const path = resourcePath(resource, namespace === undefined ? {} : { namespace });
  const base = { labelSelector, fieldSelector, limit: PAGE_SIZE };
  const accept = metadataOnly ? { accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1' } : {};
  let version: string | undefined;
  let token: string | undefined;
  do {
    // A token holds the version of its list; the server refuses both.
    const query =
      token === undefined ? { ...base, resourceVersion: isStale ? '0' : undefined } : { ...base, continue: token };
    const page = await transport.request<Page>({ method: 'GET', path, query, ...accept }, signal);
    const listed = versionOf(page, resource);
    version = version === undefined || isNewer(version, listed) ? listed : version;
    take(itemsOf(page, selection), version);
    const next = page.metadata?.continue || undefined;
    if (next !== undefined && next === token) throw malformed(resource, 'with the same `continue` twice');
    token = next;
  } while (token !== undefined);
  return version;
}

function versionOf(page: Page | null | undefined, resource: Resource): string {
  const version = page?.metadata?.resourceVersion;
  // A watch from '' or '0' would begin anywhere.
  if (typeof version !== 'string' || version === '' || version === '0') {
    throw malformed(resource, 'without metadata.resourceVersion');
  }
  return version;
}

function itemsOf({ items }: Page, { resource, metadataOnly }: Selection): readonly RawObject[] {
  // An empty list may come as null.
  if (items === null || items === undefined) return [];
  if (!Array.isArray(items)) throw malformed(resource, 'whose items are no array');
  return items.map((item) => toRawObject(item, resource, metadataOnly));
}

function malformed(resource: Resource, what: string): KubeError {
  return new KubeError('Failed', `The server answered a list of ${resource.plural} ${what}`, { code: 200 });
}
