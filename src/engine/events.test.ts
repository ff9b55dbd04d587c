import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../test/builders/fake-clock.ts';
import type { KubeObject } from '../api/meta.ts';
import { createMemoryStore } from '../store/memory.ts';
import type { ObjectEvent } from '../store/store.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { createEventRecorder } from './events.ts';

const Thing = { apiVersion: 'demo.aiops.org/v1', kind: 'Thing' };

const setUp = () => {
  const clock = createFakeClock();
  const metrics = createMetrics();
  const store = createMemoryStore({ clock });
  const noted: ObjectEvent[] = [];
  const record = createEventRecorder({
    store: { recordEvent: (_object, event) => noted.push(event) },
    clock,
    metrics,
    redact: (text) => text.replaceAll('hunter2', '***'),
  });
  const object = (name: string): KubeObject => store.apply({ ...Thing, metadata: { name }, spec: {} });
  const warn = (about: KubeObject, times: number, note = 'sold out'): void => {
    for (let index = 0; index < times; index++) record(about, { type: 'Warning', reason: 'SoldOut', note });
  };
  return { clock, metrics, noted, record, object, warn };
};

describe('events about one object', () => {
  it('pass 25 at once, then one in 300 s; the rest is counted', async () => {
    const { clock, metrics, noted, object, warn } = setUp();
    const thing = object('a');
    warn(thing, 30);
    expect(noted).toHaveLength(25);
    expect(await metrics.text()).toContain('aiops_events_dropped_total{kind="Thing",type="Warning"} 5');
    await clock.advance(299_999);
    warn(thing, 1);
    expect(noted).toHaveLength(25);
    await clock.advance(1);
    warn(thing, 2);
    expect(noted).toHaveLength(26);
  });

  it('are full again after a quiet time, and no fuller', async () => {
    const { clock, noted, object, warn } = setUp();
    warn(object('a'), 25);
    await clock.advance(100 * 300_000);
    warn(object('a'), 30);
    expect(noted).toHaveLength(50);
  });

  it('of another type, and about another object, have their own limit', () => {
    const { noted, record, object, warn } = setUp();
    warn(object('a'), 30);
    warn(object('b'), 1);
    record(object('a'), { type: 'Normal', reason: 'Launched', note: 'one machine' });
    expect(noted).toHaveLength(27);
  });

  it('are remembered for 4,096 objects', () => {
    const { noted, object, warn } = setUp();
    const first = object('first');
    warn(first, 25);
    for (let index = 0; index < 4096; index++) warn(object(`thing-${index}`), 1);
    noted.length = 0;
    warn(first, 1);
    expect(noted).toHaveLength(1);
  });
});

it('cuts notes to 1 KiB between characters, and hides secrets first', () => {
  const { noted, object, warn } = setUp();
  warn(object('a'), 1, `hunter2 ${'机'.repeat(1000)}`);
  const note = noted[0]?.note ?? '';
  expect(note.startsWith('*** 机')).toBe(true);
  expect(Buffer.byteLength(note)).toBe(1024);
  warn(object('b'), 1, '😀'.repeat(300));
  expect(noted[1]?.note).toBe('😀'.repeat(256));
});

it('keeps reasons within 128 characters', () => {
  const { noted, object, record } = setUp();
  record(object('a'), { type: 'Normal', reason: 'R'.repeat(200), note: '' });
  expect(noted[0]?.reason).toHaveLength(128);
});
