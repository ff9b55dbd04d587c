import { describe, expect, it } from 'vitest';
import { instance, NOW, record, spec } from '../../test/builders/spotpool.ts';
import { toTime } from '../api/meta.ts';
import type { InstanceStatus } from '../api/spotpool.ts';
import type { Instance } from '../cloud/cloud.ts';
import type { Answer } from './edges.ts';
import type { Machine } from './machine.ts';
import { canAnswer, judgeMachine, probeUrl } from './machine.ts';
import { specHashOf } from './order.ts';

const ok: Answer = { isOk: true };
const no: Answer = { isOk: false, why: 'connection refused' };
const ago = (ms: number): string => toTime(NOW - ms);
const MINUTE = 60_000;

/** A record that has not come as far as ready, or as running. */
const young = (changes: Partial<InstanceStatus> = {}): InstanceStatus => {
  const { readyAt: _ready, runningAt: _running, ...rest } = record({ phase: 'Requested', reason: 'Bought' });
  return { ...rest, createdAt: ago(10_000), ...changes };
};

function judge(
  before: InstanceStatus | undefined,
  found: Partial<Instance> | undefined,
  answer?: Answer,
  now = NOW,
): Machine {
  const evidence = { id: 'ins-00000001', before, instance: found && instance(found), answer };
  return judgeMachine(evidence, spec(), now, 0);
}

const pending = { state: 'Pending', vendorState: 'PENDING' } as const;
const rebooting = { state: 'Transitional', vendorState: 'REBOOTING' } as const;
const stopped = { state: 'Stopped', vendorState: 'STOPPED' } as const;
const terminating = { state: 'Terminating', vendorState: 'TERMINATING' } as const;
const failed = { state: 'LaunchFailed', vendorState: 'LAUNCH_FAILED', lastError: 'no host' } as const;

describe('a life', () => {
  it.each<[string, InstanceStatus | undefined, Partial<Instance> | undefined, Answer | undefined, string]>([
    ['just bought and not listed yet', young(), undefined, undefined, 'Requested Bought Keep'],
    [
      'listed once and then not, while lists lag',
      young({ phase: 'Pending', reason: 'BeingMade' }),
      undefined,
      undefined,
      'Pending BeingMade Keep',
    ],
    [
      'bought a minute ago and never listed',
      young({ createdAt: ago(MINUTE) }),
      undefined,
      undefined,
      'Terminating Vanished Gone',
    ],
    ['being made', young(), pending, undefined, 'Pending BeingMade Keep'],
    [
      'being made for too long',
      young({ createdAt: ago(5 * MINUTE + 1000) }),
      pending,
      undefined,
      'Failed NeverRan Replace',
    ],
    ['running without an address', young(), {}, undefined, 'Running NoAddressYet Keep'],
    [
      'running without an address for too long',
      young({ runningAt: ago(11 * MINUTE) }),
      {},
      undefined,
      'Failed NeverReady Replace',
    ],
    ['running and loading its model', young(), {}, no, 'Warming NotAnsweringYet Keep'],
    ['loading for too long', young({ runningAt: ago(10 * MINUTE + 1000) }), {}, no, 'Failed NeverReady Replace'],
    ['answering', young(), {}, ok, 'Ready Answering Keep'],
    ['answering late, and all the same', young({ runningAt: ago(30 * MINUTE) }), {}, ok, 'Ready Answering Keep'],
    ['one answer missed', record(), {}, no, 'Ready AnswerMissed Keep'],
    ['its address gone', record(), {}, undefined, 'Ready AnswerMissed Keep'],
    ['rebooting', record(), rebooting, undefined, 'Pending Interrupted Keep'],
    [
      'rebooting for ever',
      record({ silentSince: ago(6 * MINUTE) }),
      rebooting,
      undefined,
      'Failed Interrupted Replace',
    ],
    ['stopped', record(), stopped, undefined, 'Failed Stopped Replace'],
    ['isolated, answering or not', record(), { isNormal: false }, ok, 'Failed Isolated Replace'],
    ['never came up', young(), failed, undefined, 'Failed LaunchFailed LaunchFailed'],
    [
      'never came up, and off the list',
      young({ phase: 'Failed', reason: 'LaunchFailed' }),
      undefined,
      undefined,
      'Terminating Vanished Gone',
    ],
    ['taken away', record(), terminating, undefined, 'Terminating Reclaimed Leaving'],
    [
      'still being taken away',
      record({ phase: 'Terminating', reason: 'Reclaimed', terminatingSince: ago(MINUTE) }),
      terminating,
      undefined,
      'Terminating Reclaimed Leaving',
    ],
    [
      'on its way out after a drain',
      record({ phase: 'Draining', reason: 'Surplus', drainingSince: ago(MINUTE) }),
      terminating,
      undefined,
      'Terminating Surplus Leaving',
    ],
    ['vanished', record(), undefined, undefined, 'Terminating Vanished Gone'],
    [
      'released and gone',
      record({ phase: 'Terminating', terminatingSince: ago(MINUTE) }),
      undefined,
      undefined,
      'Terminating Released Gone',
    ],
    [
      'released before it was ever listed',
      young({ phase: 'Terminating', reason: 'PoolDeleted', terminatingSince: ago(1000) }),
      undefined,
      undefined,
      'Terminating PoolDeleted Leaving',
    ],
    [
      'draining',
      record({ phase: 'Draining', reason: 'Surplus', drainingSince: ago(1000) }),
      {},
      ok,
      'Draining Surplus Leaving',
    ],
    [
      'released, and the list lags',
      record({ phase: 'Terminating', reason: 'Surplus', terminatingSince: ago(MINUTE) }),
      {},
      ok,
      'Terminating Surplus Leaving',
    ],
    [
      'released, and the cloud took no notice',
      record({ phase: 'Terminating', reason: 'Surplus', terminatingSince: ago(2 * MINUTE) }),
      {},
      ok,
      'Failed ReleaseIgnored Leaving',
    ],
    ['not ours to know yet: adopted', undefined, {}, ok, 'Ready Answering Keep'],
  ])('%s', (_name, before, found, answer, verdict) => {
    const { record: after, fate } = judge(before, found, answer);
    expect(`${after.phase} ${after.reason} ${fate}`).toBe(verdict);
  });

  it('alive is what exists and was not told to go', () => {
    expect(judge(young(), pending).isAlive).toBe(true);
    expect(judge(young(), undefined).isAlive).toBe(true);
    expect(judge(record(), stopped).isAlive).toBe(true);
    expect(judge(young(), failed).isAlive).toBe(false);
    expect(judge(record(), terminating).isAlive).toBe(false);
    expect(judge(record(), undefined).isAlive).toBe(false);
    expect(judge(record({ terminatingSince: ago(MINUTE) }), {}).isAlive).toBe(false);
    expect(judge(record({ terminatingSince: ago(2 * MINUTE) }), {}).isAlive).toBe(true);
  });

  it('is remembered: when it ran, when it was ready, by what it was bought', () => {
    const { record: first } = judge(young(), { publicIp: '198.18.0.9' }, no);
    expect(first).toMatchObject({ runningAt: toTime(NOW), publicIp: '198.18.0.9', createdAt: ago(10_000) });
    const { record: second } = judge(first, {}, ok, NOW + MINUTE);
    expect(second).toMatchObject({ runningAt: toTime(NOW), readyAt: toTime(NOW + MINUTE) });
    const { record: third } = judge(second, {}, ok, NOW + 2 * MINUTE);
    expect(third).toEqual(second);
  });

  it('an adopted machine has what the cloud tells of it', () => {
    const { record: adopted, before } = judge(undefined, { createdAt: NOW - MINUTE }, no);
    expect(before).toBeUndefined();
    expect(adopted).toMatchObject({
      createdAt: ago(MINUTE),
      offering: 'ap-singapore-2/GN7.2XLARGE32/subnet-gfrv79s2/SPOTPAID',
      isOutdated: false,
    });
    expect(adopted.specHash).toBeUndefined();
  });
});

describe('silence', () => {
  /** Asks every `ms`; tells what is known after each question. */
  function ask(count: number, ms: number, answer: Answer = no): readonly string[] {
    let before = record();
    return Array.from({ length: count }, (_, index) => {
      before = judge(before, {}, answer, NOW + index * ms).record;
      return `${before.reason} ${before.probeFailures ?? 0}`;
    });
  }

  it('three questions in a row, a check interval apart, are enough', () => {
    expect(ask(3, 18_000)).toEqual(['AnswerMissed 1', 'AnswerMissed 2', 'NotAnswering 3']);
  });

  it('runs that follow each other within milliseconds do not count', () => {
    expect(ask(40, 1).at(-1)).toBe('AnswerMissed 1');
  });

  it('a machine that stays silent has the same record for ever', () => {
    let before = record();
    const states = Array.from({ length: 10 }, (_, index) => {
      before = judge(before, {}, no, NOW + index * 20_000).record;
      return before;
    });
    for (const state of states.slice(3)) expect(state).toEqual(states[2]);
  });

  it('one answer ends it', () => {
    const silent = judge(record(), {}, no).record;
    expect(silent).toMatchObject({ probeFailures: 1, silentSince: toTime(NOW) });
    expect(judge(silent, {}, ok).record).not.toHaveProperty('probeFailures');
    expect(judge(silent, {}, ok).record).not.toHaveProperty('silentSince');
  });

  it('after a reboot it is counted from the start', () => {
    const rebooted = judge(record(), rebooting).record;
    expect(judge(rebooted, {}, no, NOW + 4 * MINUTE).record).toMatchObject({
      probeFailures: 1,
      silentSince: toTime(NOW + 4 * MINUTE),
    });
  });

  it('before the first answer nothing is counted: a machine that loads changes no record', () => {
    const first = judge(young(), {}, no).record;
    expect(judge(first, {}, no, NOW + 20_000).record).toEqual(first);
  });

  it('a draining machine is silent after as many questions', () => {
    let before = record({ phase: 'Draining', reason: 'Surplus', drainingSince: ago(0) });
    const silent = [0, 18_000, 36_000].map((ms) => {
      const judged = judge(before, {}, no, NOW + ms);
      before = judged.record;
      return judged.isSilent;
    });
    expect(silent).toEqual([false, false, true]);
    expect(judge(before, {}, ok).isSilent).toBe(false);
    expect(judge(before, stopped).isSilent).toBe(true);
  });
});

describe('messages', () => {
  it.each<[string, InstanceStatus, Partial<Instance> | undefined, Answer | undefined]>([
    ['NeverRan', young({ createdAt: ago(6 * MINUTE) }), pending, undefined],
    ['NeverReady', young({ runningAt: ago(11 * MINUTE) }), {}, no],
    ['Interrupted', record({ silentSince: ago(6 * MINUTE) }), rebooting, undefined],
    ['ReleaseIgnored', record({ terminatingSince: ago(3 * MINUTE) }), {}, ok],
    ['missing', young({ createdAt: ago(1000) }), undefined, undefined],
  ])('%s says the same a little later: nothing is written while nothing changes', (_name, before, found, answer) => {
    const first = judge(before, found, answer).record;
    expect(judge(first, found, answer, NOW + 30_000).record).toEqual(first);
  });
});

describe('outdated', () => {
  const hash = specHashOf(spec());
  it.each([
    { name: 'bought with this spec', before: record({ specHash: hash }), isOutdated: false },
    { name: 'bought with another', before: record({ specHash: 'other' }), isOutdated: true },
    {
      name: 'of an offering that has left the spec',
      before: record({ offering: 'ap-singapore-9/X/subnet-a/SPOTPAID' }),
      isOutdated: true,
    },
    { name: 'adopted', before: undefined, isOutdated: false },
  ])('$name: $isOutdated', ({ before, isOutdated }) => {
    expect(judge(before, {}, ok).record.isOutdated).toBe(isOutdated);
  });

  it('adopted with another image', () => {
    expect(judge(undefined, { imageId: 'img-old' }, ok).record.isOutdated).toBe(true);
  });
});

describe('asking', () => {
  it('a running machine at its public address, with IPv6 in brackets', () => {
    expect(probeUrl(instance(), spec())).toBe('http://198.18.0.1:11434/api/tags');
    expect(probeUrl(instance({ publicIp: '2001:db8::1' }), spec({ readiness: { port: 80, path: '/' } }))).toBe(
      'http://[2001:db8::1]:80/',
    );
  });

  it('at its private address when it has no other', () => {
    const { publicIp: _none, ...inside } = instance();
    expect(probeUrl(inside, spec())).toBe('http://10.0.0.1:11434/api/tags');
  });

  it('not while it has none, or does not run', () => {
    const { publicIp: _public, privateIp: _private, ...nowhere } = instance();
    expect([canAnswer(instance()), canAnswer(nowhere), canAnswer(instance(pending)), canAnswer(undefined)]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
});
