import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pool, record } from '../../test/builders/spotpool.ts';
import { toTime } from '../api/meta.ts';
import type { InstanceStatus, Spend } from '../api/spotpool.ts';
import type { Look } from './ledger.ts';
import { hourlySavingsOf, settleSpend, spendAt, spendOf } from './ledger.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** A Wednesday in the middle of a month, ten minutes past noon. */
const NOON = Date.UTC(2026, 10, 18, 12, 10);
const MIDNIGHT = Date.UTC(2026, 10, 19);
const FIRST = Date.UTC(2026, 11, 1);

/** The three sums, `saved` ones aside. */
const sums = ({ thisHour, today, thisMonth }: Spend): string[] => [thisHour, today, thisMonth];
const saved = ({ savedThisHour, savedToday, savedThisMonth }: Spend): string[] => [
  savedThisHour,
  savedToday,
  savedThisMonth,
];

function spend(countedUntil: number, of: Partial<Spend> = {}): Spend {
  const none = { thisHour: '0', today: '0', thisMonth: '0', savedThisHour: '0', savedToday: '0', savedThisMonth: '0' };
  return { ...none, countedUntil: toTime(countedUntil), ...of };
}

/** A machine that has run for days, at 0.36 an hour (100 millionths a second) and five times as much on demand. */
function machine(changes: Partial<InstanceStatus> = {}): InstanceStatus {
  return record({
    createdAt: toTime(NOON - 5 * DAY),
    runningAt: toTime(NOON - 5 * DAY),
    hourlyCost: '0.36',
    hourlyListCost: '1.8',
    ...changes,
  });
}

function without(from: InstanceStatus, ...fields: (keyof InstanceStatus)[]): InstanceStatus {
  return Object.fromEntries(
    Object.entries(from).filter(([field]) => !fields.some((left) => left === field)),
  ) as InstanceStatus;
}

/** One that is still being made. */
const young = (madeAt: number): InstanceStatus =>
  without(machine({ createdAt: toTime(madeAt), phase: 'Pending', reason: 'BeingMade' }), 'runningAt', 'readyAt');

/** From a count at noon, 12:10, to a look `ms` later. */
function settle(ms: number, look: Partial<Look>): Spend {
  return settleSpend({
    spend: spend(NOON),
    before: [],
    after: [],
    now: NOON + ms,
    checkIntervalMs: 20 * SECOND,
    ...look,
  });
}

const one = [machine()];
const leaving = (at: number, reason = 'TooMany'): InstanceStatus =>
  machine({ phase: 'Terminating', reason, terminatingSince: toTime(at) });

describe('a machine', () => {
  // 100 millionths a second: the sum says for how many seconds it was counted.
  const cases: { name: string; ms: number; look: Partial<Look>; seconds: number }[] = [
    { name: 'that runs costs by the second', ms: MINUTE, look: { before: one, after: one }, seconds: 60 },
    { name: 'costs nothing in no time', ms: 0, look: { before: one, after: one }, seconds: 0 },
    {
      name: 'that was released costs until then',
      ms: MINUTE,
      look: { before: one, after: [leaving(NOON + 40 * SECOND)] },
      seconds: 40,
    },
    {
      name: 'that was released before the last count costs nothing more',
      ms: MINUTE,
      look: { before: [leaving(NOON - MINUTE)], after: [leaving(NOON - MINUTE)] },
      seconds: 0,
    },
    {
      name: 'that was released and is gone costs nothing more',
      ms: MINUTE,
      look: { before: [leaving(NOON - MINUTE)] },
      seconds: 0,
    },
    {
      name: 'whose release the cloud ignored goes on costing',
      ms: 3 * MINUTE,
      look: {
        before: [leaving(NOON)],
        after: [machine({ phase: 'Failed', reason: 'ReleaseIgnored', terminatingSince: toTime(NOON) })],
      },
      seconds: 180,
    },
    {
      name: 'whose release was asked for again costs until then',
      ms: 3 * MINUTE,
      look: { before: [leaving(NOON)], after: [leaving(NOON + 2 * MINUTE)] },
      seconds: 120,
    },
    {
      name: 'that vanished is counted until the middle between the last look and this one',
      ms: 4 * MINUTE,
      look: { before: one },
      seconds: 240 - 10,
    },
    {
      name: 'that is seen on its way out, not by our doing, is counted so too',
      ms: 4 * MINUTE,
      look: { before: one, after: [leaving(NOON + 4 * MINUTE, 'Reclaimed')] },
      seconds: 240 - 10,
    },
    {
      name: 'that vanished while nobody looked is counted for half the time',
      ms: 40 * MINUTE,
      look: { before: one },
      seconds: 20 * 60,
    },
    {
      name: 'that was being made is counted from its making once it runs',
      ms: MINUTE,
      look: {
        before: [young(NOON - 30 * SECOND)],
        after: [machine({ createdAt: toTime(NOON - 30 * SECOND), runningAt: toTime(NOON + MINUTE) })],
      },
      seconds: 90,
    },
    {
      name: 'that is still being made is not counted yet',
      ms: MINUTE,
      look: { before: [young(NOON)], after: [young(NOON)] },
      seconds: 0,
    },
    {
      name: 'that failed to launch costs nothing',
      ms: MINUTE,
      look: { before: [young(NOON)], after: [{ ...young(NOON), phase: 'Failed', reason: 'LaunchFailed' }] },
      seconds: 0,
    },
    {
      name: 'that failed to launch and is gone costs nothing',
      ms: MINUTE,
      look: { before: [{ ...young(NOON), phase: 'Failed', reason: 'LaunchFailed' }] },
      seconds: 0,
    },
    {
      name: 'that never ran and was released costs from its making until then',
      ms: 2 * MINUTE,
      look: {
        before: [young(NOON - MINUTE)],
        after: [{ ...young(NOON - MINUTE), phase: 'Terminating', terminatingSince: toTime(NOON + MINUTE) }],
      },
      seconds: 120,
    },
    {
      name: 'that was bought and lost between two counts is counted for half its time',
      ms: 60 * SECOND,
      look: { before: [young(NOON + 40 * SECOND)] },
      seconds: 10,
    },
    {
      name: 'whose price is not known is not counted',
      ms: MINUTE,
      look: { before: [without(machine(), 'hourlyCost')], after: [without(machine(), 'hourlyCost')] },
      seconds: 0,
    },
    {
      name: 'is counted from its making once its price is known',
      ms: MINUTE,
      look: {
        before: [without(machine({ createdAt: toTime(NOON - 8 * MINUTE) }), 'hourlyCost')],
        after: [machine({ createdAt: toTime(NOON - 8 * MINUTE) })],
      },
      seconds: 9 * 60,
    },
    {
      name: 'without a record, made lately, was bought by us: it is counted from its making',
      ms: MINUTE,
      look: { after: [machine({ createdAt: toTime(NOON - 5 * MINUTE) })] },
      seconds: 6 * 60,
    },
    {
      name: 'without a record, made long ago, is ours since the last count',
      ms: MINUTE,
      look: { after: [machine()] },
      seconds: 60,
    },
    {
      name: 'that is isolated costs nothing',
      ms: MINUTE,
      look: {
        before: [machine({ phase: 'Failed', reason: 'Isolated' })],
        after: [machine({ phase: 'Failed', reason: 'Isolated' })],
      },
      seconds: 0,
    },
    {
      name: 'that is stopped costs as if it ran',
      ms: MINUTE,
      look: {
        before: [machine({ phase: 'Failed', reason: 'Stopped' })],
        after: [machine({ phase: 'Failed', reason: 'Stopped' })],
      },
      seconds: 60,
    },
  ];
  it.each(cases)('$name', ({ ms, look, seconds }) => {
    const { thisHour, savedThisHour } = settle(ms, look);
    expect([Number(thisHour), Number(savedThisHour)]).toEqual([seconds / 10_000, (seconds * 4) / 10_000]);
  });
});

describe('a period', () => {
  const carried = { thisHour: '1', today: '10', thisMonth: '100', savedThisHour: '2' };
  it.each([
    { name: 'goes on within the hour', from: NOON, to: NOON + MINUTE, expected: ['1.006', '10.006', '100.006'] },
    { name: 'ends on the hour', from: NOON, to: NOON + HOUR, expected: ['0.06', '10.36', '100.36'] },
    {
      name: 'of a day ends at midnight, UTC',
      from: MIDNIGHT - MINUTE,
      to: MIDNIGHT + MINUTE,
      expected: ['0.006', '0.006', '100.012'],
    },
    {
      name: 'of a month ends with its last day',
      from: FIRST - 2 * MINUTE,
      to: FIRST + MINUTE,
      expected: ['0.006', '0.006', '0.006'],
    },
    {
      name: 'that begins just then is empty',
      from: FIRST - MINUTE,
      to: FIRST,
      expected: ['0', '0', '0'],
    },
    {
      name: 'nobody saw is made up for, as far as it lies in this one',
      from: Date.UTC(2026, 9, 5),
      to: NOON,
      expected: ['0.06', '4.38', '151.26'],
    },
  ])('$name', ({ from, to, expected }) => {
    const always = [machine({ createdAt: '2026-01-01T00:00:00Z' })];
    const look = { spend: spend(from, carried), before: always, after: always, now: to };
    expect(sums(settle(0, look))).toEqual(expected);
  });

  it('has savings of its own', () => {
    const look = { spend: spend(NOON, { ...carried, savedToday: '20', savedThisMonth: '200' }) };
    expect(saved(settle(MINUTE, { ...look, before: one, after: one }))).toEqual(['2.024', '20.024', '200.024']);
    expect(saved(settle(HOUR, { ...look, before: one, after: one }))).toEqual(['0.24', '21.44', '201.44']);
  });

  it('takes in what a machine has cost in it before it was known to run, and not what it cost before', () => {
    const before = [young(MIDNIGHT - 30 * SECOND)];
    const after = [machine({ createdAt: toTime(MIDNIGHT - 30 * SECOND), runningAt: toTime(MIDNIGHT + 10 * SECOND) })];
    const look = { spend: spend(MIDNIGHT - 20 * SECOND), before, after, now: MIDNIGHT + 10 * SECOND };
    expect(sums(settle(0, look))).toEqual(['0.001', '0.001', '0.004']);
  });
});

describe('savings', () => {
  const at = (hourlyListCost: string): InstanceStatus[] => [machine({ hourlyListCost })];
  it('of an on-demand machine are none', () => {
    expect(settle(HOUR, { before: at('0.36'), after: at('0.36') })).toMatchObject({ today: '0.36', savedToday: '0' });
  });

  it('are not known without an on-demand price, and made up for once there is one', () => {
    const unknown = [without(machine({ createdAt: toTime(NOON - MINUTE) }), 'hourlyListCost')];
    const first = settle(MINUTE, { before: unknown, after: unknown });
    expect([first.thisHour, first.savedThisHour]).toEqual(['0.006', '0']);
    const known = [machine({ createdAt: toTime(NOON - MINUTE) })];
    const then = settle(2 * MINUTE, { spend: first, before: unknown, after: known });
    expect([then.thisHour, then.savedThisHour]).toEqual(['0.012', '0.072']);
  });

  it.each([
    [[machine(), machine({ hourlyCost: '0.3', hourlyListCost: '0.3' })], '1.44'],
    [[machine(), without(machine(), 'hourlyListCost')], undefined],
    [[machine(), without(machine(), 'hourlyCost')], undefined],
    [[], '0'],
  ])('by the hour are those of all machines, or not told', (machines, expected) => {
    expect(hourlySavingsOf(machines)).toBe(expected);
  });
});

describe('the sums', () => {
  it('begin with the machines that are there, where nothing was counted before', () => {
    expect(sums(settleSpend({ spend: undefined, before: [], after: one, now: NOON, checkIntervalMs: 0 }))).toEqual([
      '0.06',
      '4.38',
      '43.2',
    ]);
  });

  it('wait while the clock has gone back, and miss nothing', () => {
    const made = NOON - 5 * MINUTE;
    const after = [machine({ createdAt: toTime(made) })];
    const back = settle(-MINUTE, { before: [young(made)], after });
    expect(back).toMatchObject({ thisHour: '0.03', countedUntil: toTime(NOON) });
    expect(settle(MINUTE, { spend: back, before: after, after }).thisHour).toBe('0.036');
  });

  it('begin anew when they were written under a clock that was far ahead', () => {
    const wrong = spend(NOON + 400 * DAY, { today: '99' });
    expect(settle(0, { spend: wrong, before: one, after: one })).toMatchObject({
      today: '4.38',
      countedUntil: toTime(NOON),
    });
  });

  it('can be told for any instant in between', () => {
    const status = { instances: one, spend: spend(NOON, { today: '5' }) };
    expect(spendAt(status, NOON + MINUTE)).toEqual(settle(MINUTE, { ...status, before: one, after: one }));
    expect(spendAt({ instances: one }, NOON)).toBeUndefined();
  });
});

describe('the status', () => {
  const of = (instances: readonly InstanceStatus[], known?: Spend) =>
    pool({ status: { instances: [...instances], ...(known ? { spend: known } : {}) } });

  const price = { hourlyCost: '0.4' };
  it.each([
    { name: 'is not written for a minute of cost', ms: 4.9 * MINUTE, after: one, isCounted: false },
    {
      name: 'is not written for a machine that has but changed its answer',
      ms: MINUTE,
      after: [machine({ reason: 'AnswerMissed', probeFailures: 1 })],
      isCounted: false,
    },
    { name: 'is brought up to date after five', ms: 5 * MINUTE, after: one, isCounted: true },
    { name: 'is brought up to date when a machine is gone', ms: SECOND, after: [], isCounted: true },
    { name: 'is brought up to date when one has come', ms: SECOND, after: [...one, young(NOON)], isCounted: true },
    { name: 'is brought up to date when one is released', ms: SECOND, after: [leaving(NOON)], isCounted: true },
    { name: 'is brought up to date when a price is known', ms: SECOND, after: [machine(price)], isCounted: true },
  ])('$name', ({ ms, after, isCounted }) => {
    const known = spend(NOON);
    const told = spendOf(of(one, known), after, NOON + ms);
    if (isCounted) expect(told).toMatchObject({ countedUntil: toTime(NOON + ms) });
    else expect(told).toBe(known);
  });

  it('is brought up to date when a machine begins to run, or has failed', () => {
    const made = [young(NOON)];
    const failed: InstanceStatus = { ...young(NOON), phase: 'Failed', reason: 'LaunchFailed' };
    for (const after of [machine({ createdAt: toTime(NOON) }), failed]) {
      expect(spendOf(of(made, spend(NOON)), [after], NOON + SECOND)?.countedUntil).toBe(toTime(NOON + SECOND));
    }
  });

  it('is not written for the sake of a pool that costs nothing', () => {
    const known = spend(NOON, { thisMonth: '7' });
    expect(spendOf(of([], known), [], NOON + 30 * MINUTE)).toBe(known);
  });

  it('drops the sums of a period that is over, though nothing costs any more', () => {
    const known = spend(NOON, { thisHour: '1', today: '1', thisMonth: '7' });
    expect(spendOf(of([], known), [], NOON + HOUR)).toMatchObject({ thisHour: '0', today: '1', thisMonth: '7' });
  });

  it('has no sums before the first machine', () => {
    expect(spendOf(of([]), [], NOON)).toBeUndefined();
    expect(spendOf(of([]), [young(NOON)], NOON)).toEqual(spend(NOON));
  });
});

// What really happens, second by second, to machines that a pool looks at now and then.

interface Life {
  readonly id: string;
  /** In seconds since the beginning; it runs from `runs`, and ends with `ends` or later. */
  readonly made: number;
  readonly runs: number;
  readonly ends: number;
  readonly end: 'released' | 'lost' | 'launchFailed';
  readonly cost: number;
  readonly list: number;
}

const SPAN = 3 * 3600;
/** Ninety minutes before the end of a month: hour, day and month change on the way. */
const BEGIN = FIRST - 1.5 * HOUR;
const timeOf = (second: number): number => BEGIN + second * SECOND;

const lives = (ends: readonly Life['end'][]): fc.Arbitrary<readonly Life[]> =>
  fc
    .array(
      fc
        .record({
          made: fc.nat(SPAN),
          booting: fc.nat(120),
          living: fc.integer({ min: 1, max: SPAN }),
          end: fc.constantFrom(...ends),
          cost: fc.integer({ min: 0, max: 5_000_000 }),
          more: fc.integer({ min: 0, max: 5_000_000 }),
        })
        .map(({ made, booting, living, more, ...rest }) => {
          const runs = rest.end === 'launchFailed' ? Number.POSITIVE_INFINITY : made + booting;
          return { id: '', made, runs, ends: made + booting + living, list: rest.cost + more, ...rest };
        }),
      { maxLength: 5 },
    )
    .map((all) => all.map((life, index) => ({ ...life, id: `ins-${index}` })));

const lookTimes = fc.uniqueArray(fc.integer({ min: 1, max: SPAN - 1 }), { maxLength: 12 });

/** The records as looks at these seconds leave them, the last look at the end. A release happens in a look. */
function* looksAt(
  all: readonly Life[],
  seconds: readonly number[],
): Generator<{ now: number; after: InstanceStatus[] }> {
  const ordered = [...seconds.toSorted((a, b) => a - b), SPAN];
  const records = new Map<string, InstanceStatus>();
  for (const second of ordered) {
    const now = timeOf(second);
    for (const life of all) {
      const next = recordOf(life, records.get(life.id), second);
      if (next) records.set(life.id, next);
      else records.delete(life.id);
    }
    yield { now, after: [...records.values()] };
  }
}

function recordOf(life: Life, known: InstanceStatus | undefined, second: number): InstanceStatus | undefined {
  if (second < life.made || known?.phase === 'Terminating') return known;
  const isOver = second >= life.ends;
  if (isOver && (life.end === 'lost' || known?.reason === 'LaunchFailed')) return undefined;
  const base: InstanceStatus = known ?? {
    instanceId: life.id,
    phase: 'Pending',
    reason: 'Bought',
    offering: 'any',
    createdAt: toTime(timeOf(life.made)),
    hourlyCost: String(life.cost / 1e6),
    hourlyListCost: String(life.list / 1e6),
  };
  if (life.end === 'launchFailed') return isOver ? { ...base, phase: 'Failed', reason: 'LaunchFailed' } : base;
  const seen: InstanceStatus =
    second < life.runs ? base : { ...base, phase: 'Ready', runningAt: base.runningAt ?? toTime(timeOf(second)) };
  if (!isOver) return seen;
  return { ...seen, phase: 'Terminating', reason: 'TooMany', terminatingSince: toTime(timeOf(second)) };
}

/** What a look after the other makes of it. */
function settleAll(
  all: readonly Life[],
  seconds: readonly number[],
  checkIntervalMs = SPAN * SECOND,
): readonly Spend[] {
  const told: Spend[] = [];
  let before: readonly InstanceStatus[] = [];
  for (const { now, after } of looksAt(all, seconds)) {
    told.push(settleSpend({ spend: told.at(-1), before, after, now, checkIntervalMs }));
    before = after;
  }
  return told;
}

/** Adds up second for second, from `start` on, in millionths. A release happens in the first look after its time. */
function integral(
  all: readonly Life[],
  seconds: readonly number[],
  start: number,
  rate: (life: Life) => number,
): number {
  const looks = [...seconds.toSorted((a, b) => a - b), SPAN];
  let sum = 0;
  for (const life of all) {
    // Not yet, or never.
    if (life.runs > SPAN) continue;
    const end = life.end === 'lost' ? life.ends : (looks.find((look) => look >= life.ends) ?? SPAN);
    // A machine that nobody has looked at before it was lost is not known.
    if (life.end === 'lost' && !looks.some((look) => look >= life.made && look < life.ends)) continue;
    for (let second = life.made; second < Math.min(end, SPAN); second += 1) {
      if (timeOf(second) >= start) sum += rate(life) / 3600;
    }
  }
  return sum;
}

const starts = { hour: FIRST + HOUR, day: FIRST, month: FIRST };

describe('whatever happens to the machines', () => {
  it('the sums are those of adding up every second, across the ends of hour, day and month', () => {
    fc.assert(
      fc.property(lives(['released', 'launchFailed']), lookTimes, (all, seconds) => {
        const last = settleAll(all, seconds).at(-1) as Spend;
        const off = (told: string, start: number, rate: (life: Life) => number): number =>
          Math.abs(Number(told) * 1e6 - integral(all, seconds, start, rate));
        const most = all.length + 1;
        expect(off(last.thisHour, starts.hour, ({ cost }) => cost)).toBeLessThanOrEqual(most);
        expect(off(last.today, starts.day, ({ cost }) => cost)).toBeLessThanOrEqual(most);
        expect(off(last.thisMonth, starts.month, ({ cost }) => cost)).toBeLessThanOrEqual(most);
        expect(off(last.savedToday, starts.day, ({ cost, list }) => list - cost)).toBeLessThanOrEqual(most);
      }),
      { numRuns: 60 },
    );
  });

  it('looking more often makes no difference, not even a millionth', () => {
    fc.assert(
      fc.property(lives(['released', 'launchFailed']), lookTimes, lookTimes, (all, seconds, others) => {
        // What was released when is the same in both: only more looks lie between.
        const records = [...looksAt(all, seconds)].at(-1)?.after ?? [];
        const once = settleSpend({
          spend: undefined,
          before: [],
          after: records,
          now: timeOf(SPAN),
          checkIntervalMs: 0,
        });
        expect(settleAll(all, seconds).at(-1)).toEqual(once);
        const quiet = others.filter((second) => all.every(({ ends }) => second < ends));
        expect(settleAll(all, [...new Set([...seconds, ...quiet])]).at(-1)).toEqual(once);
      }),
    );
  });

  it('a machine that is lost is off by half the time between two looks at most', () => {
    fc.assert(
      fc.property(lives(['lost']), fc.integer({ min: 5, max: 120 }), (all, everySeconds) => {
        const seconds = Array.from({ length: Math.ceil(SPAN / everySeconds) - 1 }, (_, n) => (n + 1) * everySeconds);
        const last = settleAll(all, seconds, everySeconds * SECOND).at(-1) as Spend;
        const most = all.reduce((sum, { cost }) => sum + (cost * (everySeconds / 2 + 1)) / 3600, all.length + 1);
        const exact = integral(all, seconds, starts.month, ({ cost }) => cost);
        expect(Math.abs(Number(last.thisMonth) * 1e6 - exact)).toBeLessThanOrEqual(most);
      }),
      { numRuns: 40 },
    );
  });

  const anyRecord = fc
    .record({
      id: fc.constantFrom('a', 'b', 'c'),
      phase: fc.constantFrom('Requested', 'Pending', 'Ready', 'Draining', 'Terminating', 'Failed'),
      reason: fc.constantFrom('Answering', 'Reclaimed', 'Isolated', 'LaunchFailed', 'ReleaseIgnored', 'TooMany'),
      made: fc.nat(SPAN),
      ran: fc.option(fc.nat(SPAN), { nil: undefined }),
      left: fc.option(fc.nat(SPAN), { nil: undefined }),
      cost: fc.option(fc.nat(3_000_000), { nil: undefined }),
      more: fc.option(fc.nat(3_000_000), { nil: undefined }),
    })
    .map(({ id, phase, reason, made, ran, left, cost, more }): InstanceStatus => {
      const list = cost === undefined || more === undefined ? undefined : cost + more;
      return {
        ...{ instanceId: id, phase: phase as InstanceStatus['phase'], reason, offering: 'any' },
        createdAt: toTime(timeOf(made)),
        ...(ran === undefined ? {} : { runningAt: toTime(timeOf(ran)) }),
        ...(left === undefined ? {} : { terminatingSince: toTime(timeOf(left)) }),
        ...(cost === undefined ? {} : { hourlyCost: String(cost / 1e6) }),
        ...(list === undefined ? {} : { hourlyListCost: String(list / 1e6) }),
      };
    });
  const anyRecords = fc.uniqueArray(anyRecord, { selector: ({ instanceId }) => instanceId, maxLength: 3 });

  it('no sum is ever negative, nor falls within its period, be the records and the clock as odd as they like', () => {
    const looks = fc.array(fc.record({ second: fc.nat(SPAN), after: anyRecords }), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(looks, (all) => {
        let told: Spend | undefined;
        let before: readonly InstanceStatus[] = [];
        for (const { second, after } of all) {
          // Back by as much as an hour; what lies further ahead counts as a wrong clock.
          const last = told ? Date.parse(told.countedUntil) : 0;
          const now = Math.max(timeOf(second), last - HOUR);
          const next = settleSpend({ spend: told, before, after, now, checkIntervalMs: 20 * SECOND });
          for (const [field, length] of Object.entries(PREFIX)) {
            const isSame = told?.countedUntil.slice(0, length) === next.countedUntil.slice(0, length);
            const least = isSame ? Number(told?.[field as keyof Spend]) : 0;
            expect(Number(next[field as keyof Spend])).toBeGreaterThanOrEqual(least);
          }
          told = next;
          before = after;
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** How much of an instant tells its hour, day and month. */
const PREFIX = { thisHour: 13, today: 10, thisMonth: 7, savedThisHour: 13, savedToday: 10, savedThisMonth: 7 };
