import type { Clock } from '../../lib/clock.ts';
import type { Instance, Offering, Sweep } from '../cloud.ts';
import { CloudError } from '../errors.ts';
import type { Client } from './client.ts';
import { DescribeInstancesAnswer, INSTALLATION_TAG, toInstance } from './schema.ts';

/** The most that one call lists, or takes ids of. */
export const PAGE_SIZE = 100;
/** 20 000 machines: an answer that goes on for longer is no list of ours. */
const MAX_PAGES = 200;
/** What an id looks like. Another text names no machine, and one such makes the vendor refuse the whole call. */
export const INSTANCE_ID = /^ins-[a-z0-9]{4,32}$/;

type Filter = { Name: string; Values: string[] };

/** Every machine with a tag of ours: all pages or an error, never a part. */
export async function sweepInstances(client: Client, clock: Clock, signal: AbortSignal): Promise<Sweep> {
  const at = clock.now();
  const rows = await listAll(client, clock, [{ Name: 'tag-key', Values: [INSTALLATION_TAG] }], signal);
  return { at, instances: rows.filter((instance) => instance.owner) };
}

export async function findInstancesByName(
  client: Client,
  clock: Clock,
  wanted: { name: string; offering: Offering },
  signal: AbortSignal,
): Promise<readonly Instance[]> {
  const { zone, subnetId } = wanted.offering;
  const filters = [
    { Name: 'zone', Values: [zone] },
    { Name: 'subnet-id', Values: [subnetId] },
  ];
  // What the vendor's own filter by name matches (whole, part, case) is not documented.
  return (await listAll(client, clock, filters, signal)).filter((instance) => instance.name.startsWith(wanted.name));
}

/** An empty list of ids would list everything, so it is never sent. */
export async function findInstances(
  client: Client,
  clock: Clock,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<readonly Instance[]> {
  const wanted = [...new Set(ids)].filter((id) => INSTANCE_ID.test(id));
  const found: Instance[] = [];
  for (let from = 0; from < wanted.length; from += PAGE_SIZE) {
    const batch = wanted.slice(from, from + PAGE_SIZE);
    const { rows } = await describe(client, clock, { InstanceIds: batch, Offset: 0, Limit: PAGE_SIZE }, signal);
    found.push(...rows.filter((row) => batch.includes(row.id)));
  }
  return found;
}

/** The order of rows is not documented: pages are read to the end and rows that come twice are counted once. */
async function listAll(
  client: Client,
  clock: Clock,
  filters: readonly Filter[],
  signal: AbortSignal,
): Promise<readonly Instance[]> {
  const byId = new Map<string, Instance>();
  const texts = new Map<string, string>();
  const share = (text: string): string => {
    const known = texts.get(text);
    if (known === undefined) texts.set(text, text);
    return known ?? text;
  };
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const body = { Filters: filters, Offset: page * PAGE_SIZE, Limit: PAGE_SIZE };
    const { rows, total } = await describe(client, clock, body, signal, share);
    for (const row of rows) byId.set(row.id, row);
    if (rows.length < PAGE_SIZE || (page + 1) * PAGE_SIZE >= total) return [...byId.values()];
  }
  throw new CloudError(
    'Unexpected',
    `DescribeInstances did not come to an end after ${MAX_PAGES * PAGE_SIZE} machines.`,
    {
      action: 'DescribeInstances',
    },
  );
}

async function describe(
  client: Client,
  clock: Clock,
  body: Record<string, unknown>,
  signal: AbortSignal,
  share?: (text: string) => string,
): Promise<{ rows: readonly Instance[]; total: number }> {
  const nothing = { TotalCount: 0, InstanceSet: [] };
  const call = {
    action: 'DescribeInstances',
    body,
    answer: DescribeInstancesAnswer,
    kind: 'read',
    whenDone: nothing,
  } as const;
  const answer = await client.call(call, signal);
  const now = clock.now();
  return { rows: answer.InstanceSet.map((row) => toInstance(row, now, share)), total: answer.TotalCount };
}
