import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../test/builders/fake-clock.ts';
import {
  createScriptedServer,
  type Fault,
  type ScriptedServer,
  WIDGET,
} from '../../../test/builders/scripted-transport.ts';
import { KubeError } from './kube-error.ts';
import { listPages, type Selection } from './list-pages.ts';

const setUp = (objects = 5): ScriptedServer => {
  const server = createScriptedServer(createFakeClock());
  for (let nth = 0; nth < objects; nth++) server.put(`w${nth}`);
  server.pages.size = 2;
  return server;
};

interface Read {
  readonly version: string;
  /** The names of each attempt. */
  readonly attempts: readonly (readonly string[])[];
}

const read = async (server: ScriptedServer, selection: Partial<Selection> = {}, isStale = false): Promise<Read> => {
  const attempts: string[][] = [];
  const begin = () => {
    const names: string[] = [];
    attempts.push(names);
    return (page: readonly { metadata: { name: string } }[]) => {
      names.push(...page.map(({ metadata }) => metadata.name));
    };
  };
  const signal = new AbortController().signal;
  const version = await listPages(server.transport, { resource: WIDGET, ...selection }, isStale, begin, signal);
  return { version, attempts };
};

const forgotten: Fault = { is: 'error', error: new KubeError('Expired', 'too old', { code: 410 }) };
const answer = (body: unknown): Fault => ({ is: 'answer', body });

describe('a list in pages', () => {
  it('asks for 500 at a time, without a version, and goes on with the token alone', async () => {
    const server = setUp();
    expect(await read(server)).toEqual({ version: '105', attempts: [['w0', 'w1', 'w2', 'w3', 'w4']] });
    expect(server.asked.map(({ path, query }) => ({ path, ...query }))).toEqual([
      { path: '/apis/test.aiops.org/v1/widgets', limit: '500', labelSelector: undefined, resourceVersion: undefined },
      { path: '/apis/test.aiops.org/v1/widgets', limit: '500', labelSelector: undefined, continue: 'snapshot-1/1' },
      { path: '/apis/test.aiops.org/v1/widgets', limit: '500', labelSelector: undefined, continue: 'snapshot-1/2' },
    ]);
  });

  it('asks for what was selected', async () => {
    const server = setUp(3);
    await read(server, { namespace: 'x', labelSelector: 'a=b', metadataOnly: true }, true);
    expect(server.asked[0]).toMatchObject({
      path: '/apis/test.aiops.org/v1/namespaces/x/widgets',
      query: { labelSelector: 'a=b', resourceVersion: '0' },
      accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
    });
    // The token knows the version; the server refuses both.
    expect(server.asked[1]?.query).toEqual({ limit: '500', labelSelector: 'a=b', continue: 'snapshot-1/1' });
  });

  it('begins anew when the server has forgotten it half-way', async () => {
    const server = setUp();
    server.faults.list.push(answer({ metadata: { resourceVersion: '101', continue: 'x' }, items: [] }), forgotten);
    expect(await read(server, {}, true)).toEqual({ version: '105', attempts: [[], ['w0', 'w1', 'w2', 'w3', 'w4']] });
    expect(server.asked[2]?.query).toEqual({ limit: '500' });
  });

  it('does not begin anew without end', async () => {
    const server = setUp();
    const page = answer({ metadata: { resourceVersion: '101', continue: 'x' }, items: [] });
    for (let nth = 0; nth < 9; nth++) server.faults.list.push(page, forgotten);
    await expect(read(server)).rejects.toMatchObject({ code: 410 });
    expect(server.asked).toHaveLength(8);
  });

  it('does not begin anew when the first page says so', async () => {
    const server = setUp();
    server.faults.list.push(forgotten);
    await expect(read(server)).rejects.toMatchObject({ code: 410 });
    expect(server.asked).toHaveLength(1);
  });

  it('takes null for no items', async () => {
    const server = setUp();
    server.faults.list.push(answer({ metadata: { resourceVersion: '7' }, items: null }));
    expect(await read(server)).toEqual({ version: '7', attempts: [[]] });
  });

  it('has the version of its oldest page, so that the watch misses nothing', async () => {
    const server = setUp();
    server.faults.list.push(
      answer({ metadata: { resourceVersion: '9', continue: 'x' } }),
      answer({ metadata: { resourceVersion: '8', continue: 'y' } }),
      answer({ metadata: { resourceVersion: '10' } }),
    );
    expect((await read(server)).version).toBe('8');
  });

  it.each([
    { name: 'is nothing', body: null },
    { name: 'has no version', body: { items: [] } },
    { name: 'has version 0, from which a watch would begin anywhere', body: { metadata: { resourceVersion: '0' } } },
    { name: 'has items that are no array', body: { metadata: { resourceVersion: '7' }, items: {} } },
    {
      name: 'has an item without uid',
      body: { metadata: { resourceVersion: '7' }, items: [{ metadata: { name: 'a' } }] },
    },
  ])('refuses an answer that $name', async ({ body }) => {
    const server = setUp();
    server.faults.list.push(answer(body));
    await expect(read(server)).rejects.toMatchObject({ name: 'KubeError', reason: 'Failed' });
  });

  it('refuses a server that sends it round in circles', async () => {
    const server = setUp();
    const page = answer({ metadata: { resourceVersion: '7', continue: 'x' } });
    server.faults.list.push(page, page);
    await expect(read(server)).rejects.toThrow('`continue` twice');
  });
});
