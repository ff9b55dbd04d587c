import { describe, expect, it } from 'vitest';
import type { JournalEntry } from '../../../simulators/cvm/journal.ts';
import type { InstanceView, WorldState } from '../../../simulators/cvm/state.ts';
import { settledBy } from './bound.ts';
import { createLedger, judgeEnd, type Ledger, type Wish } from './judge.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** A journal, written by hand. */
function createBook() {
  const entries: JournalEntry[] = [];
  const call = (
    at: number,
    action: string,
    ids: readonly string[],
    more: { token?: string; key?: string; result?: string; body?: object } = {},
  ): void => {
    const { token = `token-${ids[0]}`, key = 'us', result = 'ok', body = { ImageId: 'img-1' } } = more;
    const rest = { region: '', httpStatus: 200, requestId: '', secretId: key, clientToken: token, body, result };
    entries.push({ seq: entries.length, at, kind: 'call', action, instanceIds: ids, ...rest });
  };
  const happen = (at: number, id: string, to: string, cause = 'run'): void => {
    entries.push({ seq: entries.length, at, kind: 'event', event: 'instance', id, from: '', to, cause });
  };
  return {
    entries,
    call,
    happen,
    buy: (at: number, ...ids: readonly string[]) => call(at, 'RunInstances', ids),
    run: (at: number, id: string) => happen(at, id, 'RUNNING'),
    notice: (at: number, id: string) =>
      void entries.push({ seq: entries.length, at, kind: 'event', event: 'notice', id, detail: '' }),
  };
}

type Book = ReturnType<typeof createBook>;

function judged(wishes: readonly Wish[], write: (book: Book) => void): Ledger {
  const book = createBook();
  write(book);
  const ledger = createLedger({ key: 'us', maximum: 3, wishes });
  ledger.read(book.entries);
  return ledger;
}

describe('the ledger', () => {
  const two = [{ at: 0, machines: 2 }];
  const lowered = [
    { at: 0, machines: 3 },
    { at: 100 * SECOND, machines: 1 },
  ];
  const fine: readonly (readonly [string, readonly Wish[], (book: Book) => void])[] = [
    ['as many as were wished for', two, (book) => book.buy(1, 'a', 'b')],
    [
      'the same answer to the same token',
      two,
      (book) => {
        book.buy(1, 'a', 'b');
        book.buy(2, 'a', 'b');
      },
    ],
    [
      'a replacement of one that is gone',
      two,
      (book) => {
        book.buy(1, 'a', 'b');
        book.happen(2, 'a', 'TERMINATING', 'reclaim');
        book.buy(3, 'c');
      },
    ],
    [
      'a replacement of one under notice',
      two,
      (book) => {
        book.buy(1, 'a', 'b');
        book.notice(2, 'a');
        book.buy(3, 'c');
      },
    ],
    [
      'another for one that never came up',
      two,
      (book) => {
        book.buy(1, 'a', 'b');
        book.happen(2, 'a', 'LAUNCH_FAILED', 'launch-failed');
        book.buy(3, 'c');
      },
    ],
    [
      'a purchase that was under way when the wish became smaller',
      lowered,
      (book) => {
        book.buy(1, 'a', 'b');
        book.buy(100 * SECOND, 'c');
      },
    ],
    [
      'releasing its own, and whatever others do',
      two,
      (book) => {
        book.buy(1, 'a');
        book.call(2, 'RunInstances', ['x'], { key: 'them' });
        book.call(3, 'TerminateInstances', ['a']);
        book.call(4, 'TerminateInstances', ['x'], { key: 'them' });
        book.call(5, 'DescribeInstances', ['x']);
      },
    ],
  ];
  it.each(fine)('lets pass: %s', (_name, wishes, write) => {
    expect(judged(wishes, write).damage).toEqual([]);
  });

  const wrong: readonly (readonly [string, readonly Wish[], (book: Book) => void, RegExp])[] = [
    [
      'one more than was wished for',
      two,
      (book) => {
        book.buy(1, 'a', 'b');
        book.buy(2, 'c');
      },
      /double purchase: c .* 3 for a wish of 2/,
    ],
    [
      'two under one token',
      [{ at: 0, machines: 1 }],
      (book) => {
        book.call(1, 'RunInstances', ['a'], { token: 't' });
        book.call(2, 'RunInstances', ['b'], { token: 't' });
      },
      /double purchase: b .*token t/,
    ],
    [
      'more than the maximum',
      [{ at: 0, machines: 9 }],
      (book) => book.buy(1, 'a', 'b', 'c', 'd'),
      /too many: a, b, c, d/,
    ],
    [
      'a purchase although those that must leave are still there',
      lowered,
      (book) => {
        book.buy(1, 'a', 'b');
        book.buy(110 * SECOND, 'c');
      },
      /double purchase: c/,
    ],
    [
      'a purchase for a pool that was deleted',
      [...two, { at: 100 * SECOND, machines: 0 }],
      (book) => book.buy(110 * SECOND, 'a'),
      /double purchase: a .*1 for a wish of 0/,
    ],
    [
      "releasing somebody else's",
      two,
      (book) => book.call(1, 'TerminateInstances', ['x']),
      /foreign machine touched: TerminateInstances of x/,
    ],
  ];
  it.each(wrong)('names: %s', (_name, wishes, write, damage) => {
    expect(judged(wishes, write).damage).toEqual([expect.stringMatching(damage)]);
  });
});

describe('the end', () => {
  const view = (id: string, more: Partial<InstanceView> = {}): InstanceView => ({
    ...{ id, account: 'account', name: id, state: 'RUNNING', zone: '', instanceType: '', chargeType: 'SPOTPAID' },
    ...{ imageId: '', subnetId: '', tags: [], createdAt: 0, perHour: '0.2', cost: '1' },
    ...more,
  });
  const world = (instances: readonly InstanceView[], gone: readonly InstanceView[], perHour: string) =>
    ({
      instances,
      gone,
      accounts: [{ name: 'account', secretIds: [], balance: '', frozen: '', perHour }],
    }) as unknown as WorldState;
  const ledger = judged([{ at: 0, machines: 2 }], (book) => book.buy(1, 'a', 'b'));
  const over = { state: 'ABSENT', endedAt: 5, endCause: 'terminate', perHour: '0' } as const;

  it('is good when only others are left, and paid for', () => {
    expect(judgeEnd(ledger, world([view('x')], [view('a', over), view('b', over)], '0.2'))).toEqual([]);
  });
  it('names a machine of ours that is left', () => {
    const left = judgeEnd(ledger, world([view('x'), view('b')], [view('a', over)], '0.4'));
    expect(left).toEqual([
      expect.stringMatching(/^leak: b \(b\) is still there/),
      expect.stringMatching(/^leak: the account pays 0\.4 an hour, others' machines cost 0\.2/),
    ]);
  });
  it('names a machine of others that is gone, unless it never came up', () => {
    const gone = [view('a', over), view('b', over), view('x', over), view('y', { ...over, endCause: 'launch-failed' })];
    expect(judgeEnd(ledger, world([], gone, '0'))).toEqual(['foreign machine gone: x (x), by terminate']);
  });
  it('sees what is paid for and in no list', () => {
    expect(judgeEnd(ledger, world([], [view('a', over), view('b', over)], '0.2'))).toEqual([
      expect.stringMatching(/^leak: the account pays/),
    ]);
  });
});

describe('the time in which a pool must settle', () => {
  const T = 10 * HOUR;
  const promises = {
    pollMs: MINUTE,
    drainMs: 10 * SECOND,
    launchesPerHour: 9,
    maximum: 3,
    imageId: 'img-1',
    comeUpMs: 50 * SECOND,
  };
  /** What every disturbance is granted: two looks for the mark, to come up, two drains, three polls. */
  const PLAIN = 62 * SECOND + 50 * SECOND + 20 * SECOND + 3 * MINUTE;
  const refused = (book: Book, at: number, result: string, count = 1): void =>
    book.call(at, 'RunInstances', [], { result, body: { ImageId: 'img-1', InstanceCount: count } });
  const cases: readonly (readonly [string, number, (book: Book) => void])[] = [
    ['nothing to wait for', PLAIN, () => {}],
    ['sold out once', PLAIN - 62 * SECOND + 3 * MINUTE, (book) => refused(book, T, 'LimitExceeded.SpotQuota')],
    [
      'sold out three times in a row',
      PLAIN - 62 * SECOND + 12 * MINUTE,
      (book) => {
        for (const minutes of [9, 6, 0]) refused(book, T - minutes * MINUTE, 'ResourcesSoldOut.SpecifiedInstanceType');
      },
    ],
    [
      'sold out, bought, sold out',
      PLAIN - 62 * SECOND + 3 * MINUTE,
      (book) => {
        refused(book, T - 9 * MINUTE, 'LimitExceeded.SpotQuota');
        book.call(T - 5 * MINUTE, 'RunInstances', ['a']);
        refused(book, T, 'LimitExceeded.SpotQuota');
      },
    ],
    ['fewer than two: one may be had at once', PLAIN, (book) => refused(book, T, 'LimitExceeded.SpotQuota', 2)],
    ['sold out after the last disturbance', PLAIN, (book) => refused(book, T + 1, 'LimitExceeded.SpotQuota')],
    [
      'no balance',
      PLAIN - 62 * SECOND + 15 * MINUTE + SECOND,
      (book) => refused(book, T, 'InvalidAccount.InsufficientBalance'),
    ],
    [
      'one that never came up, noticed a poll later',
      PLAIN - 62 * SECOND + 4 * MINUTE,
      (book) => {
        book.buy(T - MINUTE, 'a');
        book.happen(T, 'a', 'LAUNCH_FAILED', 'launch-failed');
      },
    ],
  ];
  it.each(cases)('%s', (_name, ms, write) => {
    const book = createBook();
    write(book);
    const ledger = createLedger({ key: 'us', maximum: 3, wishes: [{ at: 0, machines: 3 }] });
    ledger.read(book.entries);
    expect((settledBy(book.entries, ledger, { ...promises, disturbedAt: T, wanted: 3 }) - T) / SECOND).toBe(
      ms / SECOND,
    );
  });

  it('waits for the limit of launches, lower while no machine of the image has run; not when machines are too many', () => {
    const book = createBook();
    for (let n = 0; n < 6; n += 1) {
      book.buy(T - (50 - n) * MINUTE, `m${n}`);
      book.happen(T - (50 - n) * MINUTE, `m${n}`, 'ABSENT', 'reclaim');
    }
    const due = (wanted: number): number => {
      const ledger = createLedger({ key: 'us', maximum: 3, wishes: [{ at: 0, machines: 3 }] });
      ledger.read(book.entries);
      return settledBy(book.entries, ledger, { ...promises, disturbedAt: T, wanted }) - T;
    };
    // The third of them is 48 minutes ago.
    expect(due(3)).toBe(PLAIN - 62 * SECOND + (60 + 1 - 48) * MINUTE);
    expect(due(0)).toBe(PLAIN);
    book.run(T - 40 * MINUTE, 'm0');
    expect(due(3)).toBe(PLAIN);
  });
});
