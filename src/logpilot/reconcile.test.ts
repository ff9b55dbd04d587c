import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../test/builders/fake-clock.ts';
import type { LogPilot, LogPilotSpec } from '../api/logpilot.ts';
import { toTime } from '../api/meta.ts';
import { createMemoryStore } from '../store/memory.ts';
import { reconcileLogPilot } from './reconcile.ts';

const ref = { apiVersion: 'log.aiops.org/v1', kind: 'LogPilot' };
const key = { namespace: 'default', name: 'a' };
const spec: LogPilotSpec = {
  lokiURL: 'http://127.0.0.1:3100',
  lokiPromQL: '{app="a"}',
  llmEndpoint: 'http://127.0.0.1:11434/v1',
  llmToken: { from: 'none' },
  llmModel: 'qwen2:7b',
  feishuWebhook: { from: 'secret', name: 'bot', key: 'webhook' },
};

function setUp() {
  const clock = createFakeClock();
  const store = createMemoryStore({ clock });
  const pilot = store.apply<LogPilot>({ ...ref, metadata: key, spec });
  const look = async (mayAct = true): Promise<LogPilot | undefined> => {
    await reconcileLogPilot(key, { store, clock, mayAct: () => mayAct });
    return store.get<LogPilot>(ref, key);
  };
  return { clock, store, pilot, look };
}

describe('a LogPilot', () => {
  it('says that it is not served yet', async () => {
    const { clock, look } = setUp();
    expect((await look())?.status).toEqual({
      observedGeneration: 1,
      conditions: [
        {
          type: 'Ready',
          status: 'Unknown',
          reason: 'NotYetServed',
          message: expect.stringContaining('no logs are read, no model is asked and nobody is told'),
          lastTransitionTime: toTime(clock.now()),
          observedGeneration: 1,
        },
      ],
    });
  });

  it('is written once, however often it is looked at', async () => {
    const { clock, look } = setUp();
    const first = await look();
    await clock.advance(60_000);
    expect(await look()).toEqual(first);
  });

  it('speaks of the newest spec, and not of a new transition', async () => {
    const { clock, store, look } = setUp();
    const since = (await look())?.status?.conditions?.[0]?.lastTransitionTime;
    await clock.advance(60_000);
    store.apply({ ...ref, metadata: key, spec: { ...spec, llmModel: 'other' } });
    const status = (await look())?.status;
    expect(status).toMatchObject({ observedGeneration: 2, conditions: [{ observedGeneration: 2 }] });
    expect(status?.conditions?.[0]?.lastTransitionTime).toBe(since);
  });

  it('keeps how far an older operator has read', async () => {
    const { store, pilot, look } = setUp();
    await store.writeStatus(pilot, { preTimeStamp: '1735689600' });
    expect((await look())?.status?.preTimeStamp).toBe('1735689600');
  });

  it('is not written by a process that lost the lease', async () => {
    const { look } = setUp();
    expect((await look(false))?.status).toBeUndefined();
  });

  it('that is gone is a success', async () => {
    const { store, look } = setUp();
    store.delete(ref, key);
    await expect(look()).resolves.toBeUndefined();
  });
});
