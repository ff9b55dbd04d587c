import { describe, expect, it } from 'vitest';
import { createNarrator, readDecision, tellCloud, tellDecision } from './narrator.ts';

const at = Date.UTC(2026, 10, 1, 9, 30, 5);
const call = (action: string, result: string) =>
  ({ kind: 'call', seq: 1, at, action, result, instanceIds: ['ins-1', 'ins-2'] }) as const;
const change = (from: string, to: string, cause: string) =>
  ({ kind: 'event', event: 'instance', seq: 1, at, id: 'ins-1', from, to, cause }) as const;
const world = (event: 'notice' | 'stock' | 'balance' | 'price' | 'arrears', id: string, detail: string) =>
  ({ kind: 'event', event, seq: 1, at, id, detail }) as const;
const asCall = (entry: ReturnType<typeof call>) => ({
  ...entry,
  region: '',
  secretId: '',
  clientToken: '',
  body: {},
  httpStatus: 200,
  requestId: '',
});

describe('a line about the cloud', () => {
  it.each([
    { entry: asCall(call('RunInstances', 'ok')), text: 'sold ins-1, ins-2' },
    { entry: asCall(call('RunInstances', 'X.Y')), text: 'RunInstances refused: X.Y' },
    { entry: asCall(call('TerminateInstances', 'ok')), text: 'asked to take back ins-1, ins-2' },
    { entry: asCall(call('DescribeInstances', 'ok')), text: undefined },
    { entry: change('ABSENT', 'PENDING', 'run'), text: undefined },
    { entry: change('PENDING', 'RUNNING', 'run'), text: 'ins-1 PENDING -> RUNNING' },
    { entry: change('RUNNING', 'TERMINATING', 'reclaim'), text: 'ins-1 RUNNING -> TERMINATING (reclaimed)' },
    { entry: change('TERMINATING', 'ABSENT', 'terminate'), text: 'ins-1 TERMINATING -> gone' },
    { entry: world('notice', 'ins-1', '2026-11-01T09:32:05.000Z'), text: 'ins-1 will be reclaimed at 09:32:05' },
    { entry: world('balance', 'xxx', '0'), text: 'account xxx has a balance of 0' },
    { entry: world('arrears', 'xxx', '-0.000013'), text: 'account xxx is in arrears' },
    { entry: world('stock', 'z/t/SPOTPAID', '0'), text: 'stock of z/t/SPOTPAID: 0' },
  ])('says "$text"', ({ entry, text }) => expect(tellCloud(entry)?.text).toBe(text));
});

describe('a line about the operator', () => {
  const told = (note: string): string => tellDecision({ pool: 'default/web', reason: 'Why', note, isWarning: false });

  it.each([
    { note: '2 of z-2/GN7.2X/subnet-a1/SPOTPAID.', line: 'web  Why: 2 of GN7.2X in z-2.' },
    { note: 'No money. (Invalid.Balance: it is (very) low.)', line: 'web  Why: No money.' },
    { note: 'ins-1 is told to leave (Surplus).', line: 'web  Why: ins-1 is told to leave (Surplus).' },
  ])('leaves out what nobody needs: "$line"', ({ note, line }) => expect(told(note)).toBe(line));

  it.each([
    {
      line: '{"level":"warn","msg":"SoldOut","note":"n","namespace":"default","name":"web"}',
      isWarning: true,
      reason: 'SoldOut',
    },
    { line: '{"level":"error","msg":"broken","error":{"message":"why"}}', isWarning: true, reason: 'broken' },
    { line: '{"level":"info","msg":"Launched","note":"n"}', isWarning: false, reason: 'Launched' },
  ])('is made of $line', ({ line, isWarning, reason }) =>
    expect(readDecision(line)).toMatchObject({ isWarning, reason }),
  );

  it.each(['{"level":"info","msg":"started"}', 'no JSON', ''])('is not made of %s', (line) =>
    expect(readDecision(line)).toBeUndefined(),
  );
});

it('writes time, speaker and text in columns, and colours only when asked to', () => {
  const said: string[] = [];
  createNarrator(
    (text) => said.push(text),
    () => at,
    false,
  ).say('cloud', 'rain', 'red');
  createNarrator(
    (text) => said.push(text),
    () => at,
    true,
  ).say('cloud', 'rain', 'red');
  expect(said[0]).toBe('09:30:05  cloud     rain\n');
  expect(said[1]).toContain('\u001b[31mrain');
});
