import { type Context, Hono } from 'hono';
import { z } from 'zod';
import type { EpochMs } from '../../src/lib/clock.ts';
import { fromMicros } from '../../src/lib/money.ts';
import { ControlError, type Controls } from './controls.ts';
import { Fault, type Faults } from './faults.ts';
import type { Journal } from './journal.ts';
import type { WorldState } from './state.ts';

export interface ControlApiOptions {
  readonly controls: Controls;
  readonly faults: Faults;
  readonly journal: Journal;
  state(): WorldState & { readonly inFlight: number; readonly hanging: number };
  /** Only where the clock can be moved by hand. */
  readonly advance?: ((ms: number) => Promise<void>) | undefined;
}

const Reclaim = z.strictObject({
  instanceId: z.string().min(1).optional(),
  poolName: z.string().min(1).optional(),
  noticeSeconds: z.number().min(0).default(120),
  machineStopsEarlySeconds: z.number().min(0).default(0),
});
const ReclaimRate = z.strictObject({ perHour: z.number().min(0) });
const Stock = z.strictObject({
  zone: z.string().min(1),
  instanceType: z.string().min(1),
  chargeType: z.string().default('SPOTPAID'),
  count: z.int().min(0),
});
const Price = z.strictObject({
  zone: z.string().min(1),
  instanceType: z.string().min(1),
  listPrice: z.number().min(0).optional(),
  spotPercent: z.number().min(0).max(100).optional(),
});
const Balance = z.strictObject({ account: z.string().min(1).optional(), amount: z.number() });
const Permissions = z.strictObject({ secretId: z.string().min(1), actions: z.array(z.string()).nullable() });
const Key = z.strictObject({
  secretId: z.string().min(1),
  secretKey: z.string().min(1).optional(),
  isDisabled: z.boolean().optional(),
});
const LaunchFailed = z.strictObject({ times: z.int().min(0), message: z.string().min(1).optional() });
const Image = z.strictObject({
  imageId: z.string().min(1),
  isBroken: z.boolean().optional(),
  readyAfterSeconds: z.number().min(0).optional(),
});
const ShortLists = z.strictObject({
  ids: z.array(z.string()).optional(),
  count: z.int().min(1).optional(),
  times: z.union([z.int().min(1), z.literal('always')]).optional(),
  byIdToo: z.boolean().optional(),
});
const Skew = z.strictObject({ seconds: z.number() });
const Advance = z.strictObject({ ms: z.int().min(0) });

/** Leaves out members that are `undefined`, which optional members of an exact type do not accept. */
type Present<T> = { [K in keyof T]: Exclude<T[K], undefined> };
function present<T extends object>(value: T): Present<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Present<T>;
}

/** The control API: JSON in and out, no signature; a body that does not fit answers 400 and names the field. */
export function controlApi(options: ControlApiOptions): Hono {
  const { controls, faults, journal } = options;
  const app = new Hono();
  const post = <S extends z.ZodType>(path: string, schema: S, run: (body: z.output<S>) => unknown): void => {
    app.post(path, async (c) => c.json((await run(await read(c, schema))) ?? { ok: true }));
  };

  app.onError((error, c) => {
    if (error instanceof ControlError) return c.json({ error: { field: error.field, message: error.message } }, 400);
    return c.json({ error: { field: '', message: error.message } }, 500);
  });

  app.get('/state', (c) => c.json(options.state()));
  app.get('/journal', (c) => {
    const since = Number(c.req.query('since') ?? 0);
    if (!Number.isSafeInteger(since)) throw new ControlError('since', 'since must be the seq of a journal entry');
    return c.json(journal.entries.filter((entry) => entry.seq > since));
  });
  post('/reclaim', Reclaim, ({ instanceId, poolName, noticeSeconds, machineStopsEarlySeconds }) => {
    const id = controls.pickSpot({ instanceId, poolName });
    const machineStopsEarlyMs = machineStopsEarlySeconds * 1000;
    controls.reclaim(id, { noticeMs: noticeSeconds * 1000, machineStopsEarlyMs });
    return { instanceId: id };
  });
  post('/reclaim-rate', ReclaimRate, ({ perHour }) => controls.setReclaimRate(perHour));
  post('/stock', Stock, (body) => controls.setStock(body.zone, body.instanceType, body.chargeType, body.count));
  post('/price', Price, ({ zone, instanceType, ...price }) => controls.setPrice(zone, instanceType, present(price)));
  post('/balance', Balance, ({ account, amount }) => controls.setBalance(account, amount));
  app.get('/bill', (c) => {
    const { from, to, poolName } = c.req.query();
    const { paid, list } = controls.bill({ from: instant('from', from, 0), to: instant('to', to) }, poolName);
    return c.json({ paid: fromMicros(paid), list: fromMicros(list) });
  });
  app.get('/faults', (c) => c.json(faults.pending));
  post('/faults', Fault, (fault) => {
    controls.addFault(fault);
  });
  app.delete('/faults', (c) => {
    controls.clearFaults();
    return c.json({ ok: true });
  });
  post('/permissions', Permissions, ({ secretId, actions }) => controls.setPermissions(secretId, actions ?? undefined));
  post('/key', Key, ({ secretId, secretKey, isDisabled }) => {
    if (secretKey !== undefined) controls.rotateKey(secretId, secretKey);
    if (isDisabled !== undefined) controls.disableKey(secretId, isDisabled);
  });
  post('/launch-failed', LaunchFailed, ({ times, message }) => controls.failLaunches(times, message));
  post('/image', Image, ({ imageId, isBroken, readyAfterSeconds }) =>
    controls.setImage(
      imageId,
      present({ isBroken, readyAfterMs: readyAfterSeconds === undefined ? undefined : readyAfterSeconds * 1000 }),
    ),
  );
  post('/short-lists', ShortLists, (order) => {
    controls.shortenLists(present(order));
  });
  post('/skew', Skew, ({ seconds }) => controls.setSkew(seconds * 1000));
  const { advance } = options;
  if (advance) post('/advance', Advance, ({ ms }) => advance(ms));
  app.all('*', (c) => c.json({ error: { field: '', message: `${c.req.method} ${c.req.path} is not a control` } }, 404));
  return app;
}

function instant(field: string, text: string | undefined, otherwise = Number.POSITIVE_INFINITY): EpochMs {
  const at = text === undefined ? otherwise : Date.parse(text);
  if (!Number.isNaN(at)) return at;
  throw new ControlError(field, `${field} "${text}" must be an instant such as 2026-11-01T00:00:00Z`);
}

async function read<S extends z.ZodType>(c: Context, schema: S): Promise<z.output<S>> {
  let body: unknown;
  try {
    body = await c.req.json();
  } catch {
    throw new ControlError('', 'the body is not JSON');
  }
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const field = unknown ?? issue?.path.join('.') ?? '';
  throw new ControlError(field, `${field === '' ? 'the body' : field}: ${issue?.message ?? 'not valid'}`);
}
