import { AssertionError } from 'node:assert';
import { expect, it } from 'vitest';
import { StoreError } from '../store/store.ts';
import { type Ending, TerminalError, type Verdict, verdictOn } from './verdict.ts';

const plain = { isError: false, isTerminal: false, isPanic: false };
const failure = { result: 'error', isForgiven: false, next: 'afterBackoff', isError: true } as const;

const cases: { name: string; ending: Ending; isStopping?: boolean; verdict: Partial<Verdict> }[] = [
  {
    name: '{}: forgiven, left alone',
    ending: { outcome: {} },
    verdict: { ...plain, result: 'success', isForgiven: true, next: 'nothing' },
  },
  {
    name: '{requeueAfterMs}: forgiven, looked at again then',
    ending: { outcome: { requeueAfterMs: 15_000 } },
    verdict: { ...plain, result: 'requeue_after', isForgiven: true, next: { afterMs: 15_000 } },
  },
  ...[0, -1, Number.NaN].map((requeueAfterMs) => ({
    name: `{requeueAfterMs: ${requeueAfterMs}}: the same as {}`,
    ending: { outcome: { requeueAfterMs } },
    verdict: { ...plain, result: 'success', isForgiven: true, next: 'nothing' } as const,
  })),
  {
    name: 'throws: tried again with growing delay, logged as an error',
    ending: { error: new Error('no answer') },
    verdict: { ...plain, ...failure, log: { level: 'error', message: 'reconcile failed' } },
  },
  { name: 'throws what is no Error', ending: { error: 'no answer' }, verdict: { ...plain, ...failure } },
  { name: 'throws undefined', ending: { error: undefined }, verdict: { ...plain, ...failure } },
  {
    name: 'throws TerminalError: counted, left alone',
    ending: { error: new TerminalError('the image does not exist') },
    verdict: { ...plain, result: 'error', next: 'nothing', isError: true, isTerminal: true },
  },
  ...[new TypeError('x is not a function'), new RangeError('bad'), new AssertionError({ message: 'never' })].map(
    (error) => ({
      name: `throws ${error.name}: a panic and an error`,
      ending: { error },
      verdict: { ...plain, ...failure, isPanic: true },
    }),
  ),
  {
    name: 'throws Conflict: tried again quietly, in the result counter only',
    ending: { error: new StoreError('Conflict', 'changed') },
    verdict: {
      ...plain,
      ...failure,
      isError: false,
      log: { level: 'debug', message: 'object changed meanwhile; reading again' },
    },
  },
  {
    name: 'throws another StoreError: an ordinary failure',
    ending: { error: new StoreError('Unavailable', 'the disk is full') },
    verdict: { ...plain, ...failure },
  },
  {
    name: 'throws after the stop signal: not counted',
    ending: { error: new Error('aborted') },
    isStopping: true,
    verdict: { ...plain, result: undefined },
  },
  {
    name: 'succeeds after the stop signal: counted',
    ending: { outcome: {} },
    isStopping: true,
    verdict: { ...plain, result: 'success' },
  },
];

it.each(cases)('$name', ({ ending, isStopping = false, verdict }) => {
  expect(verdictOn(ending, isStopping)).toMatchObject(verdict);
});
