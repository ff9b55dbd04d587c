import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../test/builders/fake-clock.ts';
import {
  createKubeObjects,
  type KubeObjects,
  kubeError,
  ThingResource,
  thing,
  thingPath,
} from '../../../test/builders/kube-objects.ts';
import { captureLog } from '../../../test/builders/log.ts';
import type { StateCell } from '../store.ts';
import { createStateCells, type StateCellsOptions } from './state-cells.ts';
import type { KubeRequest, KubeTransport } from './transport.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const SECRETS = '/api/v1/namespaces/default/secrets';
/** Bytes that do not shrink, in `count` pieces. */
const big = (count: number): Uint8Array => randomBytes(count * 512 * 1024 - 1024);
const text = (word: string): Uint8Array => Buffer.from(word);

const setUp = (settings: Partial<StateCellsOptions> & { world?: KubeObjects } = {}) => {
  const { world = createKubeObjects(), ...rest } = settings;
  const clock = createFakeClock({ busy: () => 0 });
  const { log, lines } = captureLog();
  const { transport } = world;
  const options = { transport, clock, log, resourceOf: () => ThingResource, minWriteIntervalMs: 0, ...rest };
  const owner = thing('a', 'uid-a');
  world.put(thingPath(owner), owner);
  const state = createStateCells(options);
  return { world, clock, lines, owner, state, cell: state(owner, 'memory') };
};
const said = async (cell: StateCell): Promise<string | undefined> => {
  const read = await cell.read();
  return read && Buffer.from(read.bytes).toString();
};
const names = ({ objects }: KubeObjects, under = MAPS): string[] =>
  [...objects.keys()].filter((path) => path.startsWith(`${under}/`)).map((path) => path.slice(under.length + 1));
/** A world that comes to a stop at call number `last`: it or its answer is lost, and nothing goes through afterwards. */
const crashAt = (world: KubeObjects, last: number, isCarriedOut: boolean): void => {
  const begin = world.calls.length;
  world.fate = (_request, index) =>
    index - begin < last
      ? 'fine'
      : { error: kubeError('Unreachable'), isCarriedOut: isCarriedOut && index - begin === last };
};
const refuse = (reason: Parameters<typeof kubeError>[0], isMeant: (request: KubeRequest) => boolean) => {
  return (request: KubeRequest) => (isMeant(request) ? ({ error: kubeError(reason) } as const) : 'fine');
};

describe('a cell', () => {
  it('keeps bytes under a version, and refuses a writer who does not know the last one', async () => {
    const { cell } = setUp();
    expect(await cell.read()).toBeUndefined();
    const first = await cell.write(text('one'), undefined);
    await expect(cell.write(text('x'), undefined)).rejects.toMatchObject({ name: 'StoreError', reason: 'Conflict' });
    const second = await cell.write(text('two'), first);
    await expect(cell.write(text('x'), first)).rejects.toMatchObject({ name: 'StoreError', reason: 'Conflict' });
    expect(await cell.read()).toEqual({ bytes: Buffer.from('two'), version: second });
    expect(second).not.toBe(first);
  });

  it('gives back bytes of every kind and size, and leaves no more objects behind than it needs', async () => {
    const { world, cell } = setUp();
    let version: string | undefined;
    for (const [bytes, objects] of [
      [new Uint8Array(), 1],
      [big(3), 4],
      [Uint8Array.from({ length: 256 }, (_, index) => index), 1],
      [big(2), 3],
      [big(1), 1],
    ] as const) {
      version = await cell.write(bytes, version);
      expect(Buffer.compare((await cell.read())?.bytes ?? text('nothing'), bytes)).toBe(0);
      expect(names(world)).toHaveLength(objects);
    }
  });

  it('does not change with the buffer', async () => {
    const { cell } = setUp();
    const bytes = Buffer.from('one');
    const writing = cell.write(bytes, undefined);
    bytes.fill(0);
    await writing;
    expect(await said(cell)).toBe('one');
  });

  it('is one for each object and key', async () => {
    const { world, owner, state, cell } = setUp();
    const other = thing('b', 'uid-b');
    world.put(thingPath(other), other);
    await cell.write(text('a'), undefined);
    for (const stranger of [
      state(owner, 'memory2'),
      state(other, 'memory'),
      state(owner, 'memory', { sensitive: true }),
    ]) {
      expect(await stranger.read()).toBeUndefined();
      await stranger.write(text('other'), undefined);
    }
    expect(await said(cell)).toBe('a');
    expect(await said(state(owner, 'memory'))).toBe('a');
  });

  it('is found by its labels, belongs to the object, and is written strictly', async () => {
    const { world, cell } = setUp();
    await cell.write(big(2), undefined);
    const written = world.calls.filter(({ method }) => method === 'POST');
    expect(written).toHaveLength(3);
    for (const { body, query } of written) {
      expect(query).toEqual({ fieldValidation: 'Strict' });
      expect(body).toMatchObject({
        kind: 'ConfigMap',
        metadata: {
          namespace: 'default',
          labels: { 'app.kubernetes.io/managed-by': 'aiops-operator', 'aiops.org/state-of': 'uid-a' },
          ownerReferences: [
            {
              apiVersion: 'demo.aiops.org/v1',
              kind: 'Thing',
              name: 'a',
              uid: 'uid-a',
              controller: true,
              blockOwnerDeletion: true,
            },
          ],
        },
      });
    }
  });

  it('of something sensitive lies in Secrets only', async () => {
    const { world, owner, state } = setUp();
    const cell = state(owner, 'keys', { sensitive: true });
    const bytes = big(2);
    await cell.write(bytes, await cell.write(text('key'), undefined));
    expect(Buffer.compare((await cell.read())?.bytes ?? text(''), bytes)).toBe(0);
    expect([names(world).length, names(world, SECRETS).length]).toEqual([0, 3]);
  });

  it.each(['a'.repeat(253), `${'a'.repeat(179)}-${'b'.repeat(73)}`, `${'a'.repeat(179)}.b`])(
    'has names that Kubernetes takes, whatever the object is called (%#)',
    async (name) => {
      const { world, state } = setUp();
      const owner = thing(name, 'uid-long');
      world.put(thingPath(owner), owner);
      const cell = state(owner, 'memory');
      await cell.write(big(2), undefined);
      expect((await cell.read())?.bytes).toHaveLength(big(2).length);
    },
  );

  it('refuses more than 8 MiB, and says how much it was', async () => {
    const { world, cell } = setUp();
    const tooMuch = new Uint8Array(8 * 1024 * 1024 + 1);
    await expect(cell.write(tooMuch, undefined)).rejects.toMatchObject({
      reason: 'Invalid',
      message: 'state "memory" of default/a has 8388609 bytes; at most 8388608 are allowed',
    });
    expect(world.calls).toEqual([]);
  });
});

describe('a cell of an object that is gone', () => {
  it('reads as nothing, and cannot be written', async () => {
    const { world, owner, cell } = setUp();
    const version = await cell.write(text('one'), undefined);
    world.take(thingPath(owner));
    expect(await cell.read()).toBeUndefined();
    await expect(cell.write(text('two'), version)).rejects.toMatchObject({ reason: 'NotFound' });
    expect(names(world)).toHaveLength(1);
  });

  it('is not seen by another object of the same name, nor touched by a holder of the first', async () => {
    const { world, state, cell } = setUp();
    const version = await cell.write(text('one'), undefined);
    const successor = thing('a', 'uid-a2');
    world.put(thingPath(successor), successor);
    expect(await state(successor, 'memory').read()).toBeUndefined();
    await state(successor, 'memory').write(text('two'), undefined);
    expect(await cell.read()).toBeUndefined();
    await expect(cell.write(text('three'), version)).rejects.toMatchObject({ reason: 'NotFound' });
  });

  it('is not taken for gone when the kind is not installed', async () => {
    const { world, cell } = setUp();
    world.fate = refuse('NotInstalled', ({ path }) => path.includes('/things/'));
    await expect(cell.read()).rejects.toMatchObject({ name: 'StoreError', reason: 'Unavailable' });
    await expect(cell.write(text('x'), undefined)).rejects.toMatchObject({ reason: 'Unavailable' });
  });
});

describe('a write cut off', () => {
  /** How many calls a whole write takes from small to `after`. */
  const callsOf = async (before: Uint8Array, after: Uint8Array): Promise<number> => {
    const { world, cell } = setUp();
    const version = await cell.write(before, undefined);
    const begin = world.calls.length;
    await cell.write(after, version);
    return world.calls.length - begin;
  };

  it.each([
    ['small to small', text('old'), text('new')],
    ['small to big', text('old'), big(2)],
    ['big to small', big(2), text('new')],
    ['big to big', big(2), big(2)],
  ])(
    'at any call leaves the old bytes or the new ones, and the next write removes the rest (%s)',
    async (_, before, after) => {
      const calls = await callsOf(before, after);
      for (const isCarriedOut of [false, true]) {
        const kept: string[] = [];
        for (let last = 0; last < calls; last++) {
          const { world, owner, cell } = setUp();
          const version = await cell.write(before, undefined);
          crashAt(world, last, isCarriedOut);
          const wasTold = await cell.write(after, version).then(
            () => true,
            () => false,
          );
          world.fate = () => 'fine';
          const survivor = setUp({ world }).state(owner, 'memory');
          const read = await survivor.read();
          const isNew = Buffer.compare(read?.bytes ?? text('nothing'), after) === 0;
          if (!isNew) expect(Buffer.compare(read?.bytes ?? text('nothing'), before)).toBe(0);
          if (wasTold) expect(isNew).toBe(true);
          kept.push(isNew ? 'new' : 'old');
          await survivor.write(text('next'), read?.version);
          expect(names(world)).toHaveLength(1);
        }
        expect(kept).toContain('old');
        if (isCarriedOut) expect(kept.at(-1)).toBe('new');
      }
    },
    60_000,
  );

  it('by the server removes its own pieces, and only these', async () => {
    const { world, cell } = setUp();
    const version = await cell.write(big(2), undefined);
    const before = names(world);
    world.fate = refuse('Forbidden', ({ method }) => method === 'PUT');
    await expect(cell.write(big(2), version)).rejects.toMatchObject({ reason: 'Unavailable' });
    expect(names(world)).toEqual(before);
    let pieces = 0;
    world.fate = refuse('Invalid', ({ method }) => method === 'POST' && ++pieces === 2);
    await expect(cell.write(big(2), version)).rejects.toMatchObject({ reason: 'Invalid' });
    expect(names(world)).toEqual(before);
    world.fate = () => 'fine';
    expect((await cell.read())?.version).toBe(version);
  });

  it.each(['PUT', 'POST'] as const)(
    'is a success when its %s was carried out and the transport repeated it',
    async (method) => {
      const { world, cell } = setUp();
      const version = method === 'PUT' ? await cell.write(big(2), undefined) : undefined;
      const bytes = big(2);
      const reason = method === 'PUT' ? 'Conflict' : 'AlreadyExists';
      world.fate = (request) => (request.method === method ? { error: kubeError(reason), isCarriedOut: true } : 'fine');
      const next = await cell.write(bytes, version);
      world.fate = () => 'fine';
      const read = await cell.read();
      expect(read?.version).toBe(next);
      expect(Buffer.compare(read?.bytes ?? text(''), bytes)).toBe(0);
    },
  );

  it.each(['Timeout', 'Unreachable', 'Failed'] as const)(
    'without a verdict (%s) leaves its pieces, for it may still be carried out',
    async (reason) => {
      const { world, cell } = setUp();
      const version = await cell.write(text('old'), undefined);
      let put: KubeRequest | undefined;
      world.fate = (request) => {
        if (request.method !== 'PUT') return 'fine';
        put ??= request;
        return { error: kubeError(reason) };
      };
      const bytes = big(2);
      await expect(cell.write(bytes, version)).rejects.toMatchObject({ reason: 'Unavailable' });
      world.fate = () => 'fine';
      expect(await said(cell)).toBe('old');
      await world.transport.request(put ?? { method: 'GET', path: '/' });
      expect(Buffer.compare((await cell.read())?.bytes ?? text(''), bytes)).toBe(0);
    },
  );

  it('when the head is gone is a conflict, for the object is still there', async () => {
    const { world, cell } = setUp();
    const version = await cell.write(text('one'), undefined);
    world.fate = (request) => {
      if (request.method === 'PUT') world.take(request.path);
      return 'fine' as const;
    };
    await expect(cell.write(text('two'), version)).rejects.toMatchObject({ reason: 'Conflict' });
  });
});

describe('two processes', () => {
  it('that write at once: one wins, whatever the order of their calls', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.boolean(), async (scheduler, isFirst) => {
        const { world, owner, cell } = setUp();
        const before = big(2);
        const version = isFirst ? undefined : await cell.write(before, undefined);
        world.fate = () => scheduler.schedule(Promise.resolve('fine' as const));
        const contents = [big(2), big(2)];
        const writes = contents.map((bytes) => setUp({ world }).state(owner, 'memory').write(bytes, version));
        const reading = setUp({ world }).state(owner, 'memory').read();
        const [seen] = await scheduler.waitFor(Promise.allSettled([reading, ...writes]));
        const results = await Promise.allSettled(writes);
        world.fate = () => 'fine';
        if (seen.status === 'rejected') expect(seen.reason).toMatchObject({ reason: 'Unavailable' });
        else if (!seen.value) expect(version).toBeUndefined();
        else
          expect(
            [before, ...contents].some((bytes) => Buffer.compare(seen.value?.bytes ?? text(''), bytes) === 0),
          ).toBe(true);
        const winner = results.findIndex(({ status }) => status === 'fulfilled');
        expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
        expect(results[1 - winner]).toMatchObject({ reason: { name: 'StoreError', reason: 'Conflict' } });
        const read = await cell.read();
        expect(Buffer.compare(read?.bytes ?? text(''), contents[winner] ?? text('-'))).toBe(0);
      }),
      { numRuns: 10 },
    );
  }, 60_000);

  it('of which one builds on the other’s bytes while that one still tidies up', async () => {
    const { world, owner, cell } = setUp();
    const version = await cell.write(big(2), undefined);
    let go = (): void => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    let isSwitched = false;
    const request: KubeTransport['request'] = async (call, signal) => {
      if (isSwitched) await held;
      const answer = await world.transport.request<never>(call, signal);
      isSwitched ||= call.method === 'PUT';
      return answer;
    };
    const slow = setUp({ world, transport: { ...world.transport, request } }).state(owner, 'memory');
    const tidying = slow.write(big(2), version);
    await expect.poll(() => isSwitched).toBe(true);
    const other = setUp({ world }).state(owner, 'memory');
    const bytes = big(2);
    await other.write(bytes, (await other.read())?.version);
    go();
    await tidying;
    expect(Buffer.compare((await other.read())?.bytes ?? text(''), bytes)).toBe(0);
  });
});

describe('a torn read', () => {
  it('is read again, and gives the new bytes', async () => {
    const { world, owner, cell } = setUp();
    const first = await cell.write(big(2), undefined);
    const writer = setUp({ world }).state(owner, 'memory');
    const bytes = big(2);
    let isWritten = false;
    world.fate = async ({ method, path, accept }) => {
      if (method === 'GET' && path.startsWith(MAPS) && !accept && /-[01]$/.test(path) && !isWritten) {
        isWritten = true;
        await writer.write(bytes, first);
      }
      return 'fine' as const;
    };
    expect(Buffer.compare((await cell.read())?.bytes ?? text(''), bytes)).toBe(0);
    expect(isWritten).toBe(true);
  });

  it('is Unavailable when it is torn again, never a mix', async () => {
    const { world, owner, cell } = setUp();
    await cell.write(big(2), undefined);
    const writer = setUp({ world }).state(owner, 'memory');
    let isWriting = false;
    world.fate = async ({ method, path, accept }) => {
      if (method === 'GET' && !accept && /-1$/.test(path) && !isWriting) {
        isWriting = true;
        const head = [...world.objects].find(([at]) => at.startsWith(MAPS) && /-state-[0-9a-f]+$/.test(at));
        await writer.write(big(2), head?.[1].metadata.resourceVersion);
        isWriting = false;
      }
      return 'fine' as const;
    };
    await expect(cell.read()).rejects.toMatchObject({ name: 'StoreError', reason: 'Unavailable' });
  });
});

describe('a cell that somebody damaged', () => {
  const damages: [string, (world: KubeObjects) => void][] = [
    ['a piece is gone', (world) => world.take(`${MAPS}/${names(world).find((name) => name.endsWith('-1'))}`)],
    [
      'two pieces changed places',
      (world) => {
        const [one, two] = names(world).filter((name) => /-[01]$/.test(name));
        const [first, second] = [one, two].map((name) => world.objects.get(`${MAPS}/${name}`));
        world.put(`${MAPS}/${one}`, { ...first, binaryData: second.binaryData });
        world.put(`${MAPS}/${two}`, { ...second, binaryData: first.binaryData });
      },
    ],
    [
      'the head says nothing',
      (world) => {
        const path = `${MAPS}/${names(world).find((name) => /-state-[0-9a-f]+$/.test(name))}`;
        const head = world.objects.get(path);
        world.put(path, { ...head, metadata: { ...head.metadata, annotations: {} } });
      },
    ],
  ];

  it.each(damages)('(%s) reads as nothing, says so, and can be written anew', async (_, damage) => {
    const { world, lines, cell } = setUp();
    await cell.write(big(2), undefined);
    damage(world);
    expect(await cell.read()).toBeUndefined();
    expect(lines).toMatchObject([{ level: 'warn', msg: 'state lost', object: 'default/a', key: 'memory' }]);
    const version = await cell.write(text('new'), undefined);
    expect(await cell.read()).toEqual({ bytes: Buffer.from('new'), version });
    await expect(cell.write(text('x'), undefined)).rejects.toMatchObject({ reason: 'Conflict' });
    expect(names(world)).toHaveLength(1);
  });

  it('is left alone when a newer program wrote it', async () => {
    const { world, cell } = setUp();
    const version = await cell.write(text('one'), undefined);
    const [name = ''] = names(world);
    const head = world.objects.get(`${MAPS}/${name}`);
    const annotations = {
      'aiops.org/state': head.metadata.annotations['aiops.org/state'].replace('"format":1', '"format":2'),
    };
    world.put(`${MAPS}/${name}`, { ...head, metadata: { ...head.metadata, annotations } });
    await expect(cell.read()).rejects.toMatchObject({ name: 'StoreError', reason: 'TooNew' });
    await expect(cell.write(text('two'), version)).rejects.toMatchObject({ reason: 'Conflict' });
  });
});

describe('writes of one cell', () => {
  it('are 10 s apart', async () => {
    const { world, clock, cell } = setUp({ minWriteIntervalMs: 10_000 });
    const first = await cell.write(text('one'), undefined);
    let isDone = false;
    const second = cell.write(text('two'), first).then((version) => {
      isDone = true;
      return version;
    });
    await expect.poll(() => clock.waiting).toBe(1);
    await clock.advance(9999);
    expect(isDone).toBe(false);
    expect(world.calls.filter(({ method }) => method === 'PUT')).toHaveLength(0);
    await clock.advance(1);
    await second;
    expect(await said(cell)).toBe('two');
  });

  it('that wait for the same version: the first wins, the others conflict', async () => {
    const { world, clock, owner, state, cell } = setUp({ minWriteIntervalMs: 10_000 });
    const version = await cell.write(text('one'), undefined);
    const results = Promise.allSettled(
      ['two', 'three', 'four'].map((word) => state(owner, 'memory').write(text(word), version)),
    );
    await clock.advance(10_000);
    expect(await results).toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected', reason: { reason: 'Conflict' } },
      { status: 'rejected', reason: { reason: 'Conflict' } },
    ]);
    expect(await said(cell)).toBe('two');
    expect(world.calls.filter(({ method }) => method === 'PUT')).toHaveLength(1);
  });

  it('do not wait when they can only fail', async () => {
    const { world, clock, owner, cell } = setUp({ minWriteIntervalMs: 10_000 });
    const version = await cell.write(text('one'), undefined);
    await expect(cell.write(text('two'), undefined)).rejects.toMatchObject({ reason: 'Conflict' });
    world.take(thingPath(owner));
    await expect(cell.write(text('two'), version)).rejects.toMatchObject({ reason: 'NotFound' });
    expect(clock.waiting).toBe(0);
  });

  it('of other cells do not wait, nor does one after a failure', async () => {
    const { world, clock, owner, state, cell } = setUp({ minWriteIntervalMs: 10_000 });
    await cell.write(text('one'), undefined);
    const other = state(owner, 'other');
    world.fate = refuse('Failed', ({ method }) => method === 'POST');
    await expect(other.write(text('one'), undefined)).rejects.toMatchObject({ reason: 'Unavailable' });
    world.fate = () => 'fine';
    await other.write(text('one'), undefined);
    expect(clock.waiting).toBe(0);
  });

  it('that wait end with the signal', async () => {
    const stop = new AbortController();
    const { clock, cell } = setUp({ minWriteIntervalMs: 10_000, signal: stop.signal });
    const version = await cell.write(text('one'), undefined);
    const waiting = cell.write(text('two'), version);
    const ending = expect(waiting).rejects.toThrow('stopped');
    await clock.advance(1);
    stop.abort(new Error('stopped'));
    await ending;
    expect(clock.waiting).toBe(0);
  });
});
