import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { thing } from '../../../test/builders/kube-objects.ts';
import type { ObjectEvent } from '../store.ts';
import { createCorrelator, type EventSeries } from './event-series.ts';

const MINUTE = 60_000;

const setUp = () => {
  const correlator = createCorrelator(() => 0.5);
  const pool = thing('pool', 'uid-1');
  let micros = 1_800_000_000_000_000;
  const add = (event: Partial<ObjectEvent> = {}, atMs = 0, object = pool): EventSeries => {
    micros += 1;
    const whole: ObjectEvent = { type: 'Normal', reason: 'Launched', note: 'one machine', ...event };
    return correlator.add(object, whole, { micros, monotonic: atMs });
  };
  return { add, pool };
};

describe('a repeat', () => {
  it.each([
    ['at once', 0, 2],
    ['after 6 min', 6 * MINUTE, 2],
    ['after more than 6 min', 6 * MINUTE + 1, 1],
  ])('%s', (_, atMs, count) => {
    const { add } = setUp();
    const first = add();
    const second = add({}, atMs);
    expect(second.count).toBe(count);
    expect(second === first).toBe(count === 2);
    expect(second.name === first.name).toBe(count === 2);
  });

  it('is counted from the last one, and moves only the end', () => {
    const { add } = setUp();
    const first = { ...add() };
    add({}, 5 * MINUTE);
    const third = add({}, 10 * MINUTE);
    expect(third).toMatchObject({ count: 3, firstAt: first.firstAt, name: first.name, note: 'one machine' });
    expect(third.lastAt).toBe(first.firstAt + 2);
  });

  const others: [string, Partial<ObjectEvent>][] = [
    ['type', { type: 'Warning' }],
    ['reason', { reason: 'Released' }],
    ['note', { note: 'two machines' }],
  ];
  it.each(others)('has the same %s', (_, event) => {
    const { add } = setUp();
    const first = add();
    expect(add(event)).not.toBe(first);
    expect(add()).toBe(first);
    expect(first.count).toBe(2);
  });

  it('is about the same object, not one of the same name', () => {
    const { add } = setUp();
    expect(add({}, 0, thing('pool', 'uid-2'))).not.toBe(add());
  });
});

describe('different notes of one reason', () => {
  it('are events of their own up to the ninth; the tenth and later ones share one, which says so', () => {
    const { add } = setUp();
    const series = Array.from({ length: 12 }, (_, index) => ({ ...add({ note: `note ${index}` }, index * 1000) }));
    expect(series.slice(0, 9).map(({ isMerged, note }) => [isMerged, note])).toEqual(
      Array.from({ length: 9 }, (_, index) => [false, `note ${index}`]),
    );
    const [tenth, , last] = series.slice(9);
    expect(tenth).toMatchObject({ isMerged: true, count: 1, action: 'Reconcile', reason: 'Launched' });
    expect(tenth?.note).toBe('note 9 (one of many: different notes of this reason are merged here)');
    expect(last).toMatchObject({ name: tenth?.name, count: 3 });
    expect(last?.note.startsWith('note 11 (')).toBe(true);
  });

  it('do not stop the series of an earlier note', () => {
    const { add } = setUp();
    const first = add({ note: 'note 0' });
    for (let index = 1; index < 20; index++) add({ note: `note ${index}` });
    expect(add({ note: 'note 0' })).toBe(first);
    expect(first).toMatchObject({ count: 2, isMerged: false, note: 'note 0' });
  });

  it.each([
    [10 * MINUTE - 9, true],
    [10 * MINUTE, false],
  ])('count for 10 minutes (the tenth after %i ms)', (atMs, isMerged) => {
    const { add } = setUp();
    for (let index = 0; index < 9; index++) add({ note: `note ${index}` }, index);
    expect(add({ note: 'the tenth' }, atMs).isMerged).toBe(isMerged);
  });

  it('of another type, reason or object are counted apart', () => {
    const { add } = setUp();
    for (let index = 0; index < 9; index++) add({ note: `note ${index}` });
    expect(add({ note: 'x', type: 'Warning' }).isMerged).toBe(false);
    expect(add({ note: 'x', reason: 'Released' }).isMerged).toBe(false);
    expect(add({ note: 'x' }, 0, thing('pool', 'uid-2')).isMerged).toBe(false);
    expect(add({ note: 'x' }).isMerged).toBe(true);
  });
});

describe('what is kept of an event', () => {
  it('fits into Kubernetes’ limits, and is cut between characters', () => {
    const { add } = setUp();
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 2000 }), fc.nat(2000), (noise, filling) => {
        const { note, reason } = add({ note: `語${'x'.repeat(filling)}${noise}`, reason: 'R'.repeat(filling) });
        expect(Buffer.byteLength(note)).toBeLessThanOrEqual(1024);
        expect(reason.length).toBeLessThanOrEqual(128);
        expect(note.isWellFormed()).toBe(true);
      }),
    );
    expect(add({ note: '語'.repeat(400) }).note).toBe(`${'語'.repeat(340)}…`);
    expect(add({ note: 'x'.repeat(1024) }).note).toBe('x'.repeat(1024));
  });

  it.each(['a'.repeat(253), `${'a'.repeat(232)}-${'b'.repeat(20)}`, `${'a'.repeat(232)}.b`, 'a'])(
    'has a name that Kubernetes takes (%#)',
    (name) => {
      const { add } = setUp();
      const series = add({}, 0, thing(name, 'uid'));
      expect(series.name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
      expect(series.name.length).toBeLessThanOrEqual(253);
      expect(series.name.startsWith(name.slice(0, 200))).toBe(true);
    },
  );

  it('has a name of its own', () => {
    const { add } = setUp();
    const names = Array.from({ length: 100 }, (_, index) => add({ reason: `R${index}` }).name);
    expect(new Set(names).size).toBe(100);
  });
});

it('counts every event exactly once, whatever comes in whatever order', () => {
  const event = fc.record({
    note: fc.integer({ min: 0, max: 15 }).map(String),
    reason: fc.constantFrom('A', 'B'),
    afterMs: fc.integer({ min: 0, max: 4 * MINUTE }),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), (events) => {
      const { add } = setUp();
      const all = new Set<EventSeries>();
      let now = 0;
      for (const { afterMs, ...rest } of events) {
        now += afterMs;
        all.add(add(rest, now));
      }
      expect([...all].reduce((sum, { count }) => sum + count, 0)).toBe(events.length);
      for (const series of all) {
        if (!series.isMerged) expect(series.note).toMatch(/^\d+$/);
      }
    }),
  );
});

it('remembers 4,096 series, the ones used last', () => {
  const { add } = setUp();
  const first = add({ reason: 'First' });
  const second = add({ reason: 'Second' });
  for (let index = 0; index < 4094; index++) add({ reason: `R${index}` });
  expect(add({ reason: 'First' })).toBe(first);
  add({ reason: 'One too many' });
  expect(add({ reason: 'First' })).toBe(first);
  expect(add({ reason: 'Second' })).not.toBe(second);
});
