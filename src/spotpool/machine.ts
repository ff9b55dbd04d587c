import { toTime } from '../api/meta.ts';
import type { InstanceStatus, SpotPoolSpec } from '../api/spotpool.ts';
import type { Instance } from '../cloud/cloud.ts';
import { offeringId } from '../cloud/cloud.ts';
import type { EpochMs } from '../lib/clock.ts';
import { formatDuration } from '../lib/duration.ts';
import type { Micros } from '../lib/money.ts';
import type { Answer } from './edges.ts';
import { offeringOf, specHashOf } from './order.ts';

/** A machine bought just now may be missing from every list for some seconds; after this time it is believed to be gone. */
const INVISIBLE_AT_FIRST_MS = 60_000;
/** A release is asked for again when the cloud still shows the machine alive after this time. */
const RELEASE_AGAIN_MS = 2 * 60_000;

/** What is to become of a machine, size aside. */
export type Fate =
  /** It is fine, or on its way to be. */
  | 'Keep'
  /** It must be replaced; `record.reason` says why. */
  | 'Replace'
  /** It is leaving: draining, or its release was asked for. */
  | 'Leaving'
  /** It never came up; there is nothing to release. */
  | 'LaunchFailed'
  /** It exists no more. */
  | 'Gone';

/** A machine of the pool as judged in this run. */
export interface Machine {
  readonly id: string;
  /** What the status will say of it. */
  readonly record: InstanceStatus;
  /** What the status said before; absent: just adopted. */
  readonly before: InstanceStatus | undefined;
  readonly fate: Fate;
  /** Counts towards the size: it exists and costs money, and its release has not been asked for. */
  readonly isAlive: boolean;
  /** It answered when asked in this run. */
  readonly isAnswering: boolean;
  /** By the hour; for the order in which machines leave. */
  readonly cost: Micros;
}

interface Verdict {
  readonly phase: InstanceStatus['phase'];
  readonly reason: string;
  readonly message?: string;
  readonly fate: Fate;
  readonly changes?: Partial<InstanceStatus>;
}

/** What there is to judge a machine by. */
export interface Evidence {
  readonly id: string;
  readonly before: InstanceStatus | undefined;
  /** `undefined`: the cloud, asked by id, does not know it. */
  readonly instance: Instance | undefined;
  /** `undefined`: not asked in this run. */
  readonly answer: Answer | undefined;
}

/** Judges one machine. Pure: the same evidence gives the same verdict. */
export function judgeMachine(evidence: Evidence, spec: SpotPoolSpec, now: EpochMs, cost: Micros): Machine {
  const { id, before, instance, answer } = evidence;
  const facts = factsOf(evidence, now);
  const verdict = verdictOf(facts, evidence, spec, now);
  const { message: _old, ...rest } = facts;
  const record: InstanceStatus = {
    ...rest,
    ...verdict.changes,
    phase: verdict.phase,
    reason: verdict.reason,
    ...(verdict.message === undefined ? {} : { message: verdict.message.slice(0, 1024) }),
    isOutdated: isOutdated(facts, spec),
  };
  const isAlive =
    (verdict.fate === 'Keep' || verdict.fate === 'Replace' || verdict.fate === 'Leaving') &&
    verdict.phase !== 'Terminating';
  return {
    id,
    record,
    before,
    fate: verdict.fate,
    isAlive,
    isAnswering: answer?.isOk === true && instance?.state === 'Running',
    cost,
  };
}

/** The record brought up to date with what the cloud shows, before anything is concluded. */
function factsOf({ id, before, instance }: Evidence, now: EpochMs): InstanceStatus {
  const known: InstanceStatus = before ?? {
    instanceId: id,
    phase: 'Pending',
    reason: 'Adopted',
    offering: instance ? offeringOfInstance(instance) : '',
    createdAt: toTime(instance?.createdAt ?? now),
  };
  if (!instance) return { ...known, missingSince: known.missingSince ?? toTime(now) };
  const { missingSince: _gone, ...seen } = known;
  return {
    ...seen,
    name: instance.name,
    imageId: instance.imageId,
    ...(instance.publicIp === undefined ? {} : { publicIp: instance.publicIp }),
    ...(instance.privateIp === undefined ? {} : { privateIp: instance.privateIp }),
    ...(instance.state === 'Running' && seen.runningAt === undefined ? { runningAt: toTime(now) } : {}),
  };
}

function offeringOfInstance(instance: Instance): string {
  return offeringId({
    zone: instance.zone,
    subnetId: instance.subnetId,
    instanceType: instance.instanceType,
    chargeType: instance.chargeType === 'POSTPAID_BY_HOUR' ? 'POSTPAID_BY_HOUR' : 'SPOTPAID',
  });
}

function verdictOf(facts: InstanceStatus, evidence: Evidence, spec: SpotPoolSpec, now: EpochMs): Verdict {
  const { instance } = evidence;
  if (!instance) return verdictOnMissing(facts, now);
  if (instance.state === 'LaunchFailed') {
    const message = `The cloud could not start it (${instance.lastError ?? instance.vendorState}).`;
    return { phase: 'Failed', reason: 'LaunchFailed', message, fate: 'LaunchFailed' };
  }
  if (instance.state === 'Terminating') {
    const reason = facts.terminatingSince === undefined ? 'Reclaimed' : 'ReleaseAsked';
    return {
      phase: 'Terminating',
      reason,
      fate: 'Leaving',
      changes: { terminatingSince: facts.terminatingSince ?? toTime(now) },
    };
  }
  if (facts.terminatingSince !== undefined) return verdictOnReleased(facts, now);
  if (facts.drainingSince !== undefined)
    return { phase: 'Draining', reason: facts.reason, fate: 'Leaving', ...withMessage(facts) };
  return verdictOnLiving(facts, evidence, instance, spec, now);
}

function withMessage(facts: InstanceStatus): { message?: string } {
  return facts.message === undefined ? {} : { message: facts.message };
}

function verdictOnMissing(facts: InstanceStatus, now: EpochMs): Verdict {
  const isNew = facts.phase === 'Requested' && now - Date.parse(facts.createdAt) < INVISIBLE_AT_FIRST_MS;
  if (isNew) return { phase: 'Requested', reason: facts.reason, fate: 'Keep' };
  const reason = facts.terminatingSince === undefined ? 'Vanished' : 'Released';
  return { phase: 'Terminating', reason, fate: 'Gone' };
}

/** Told to go, and still shown alive: lists lag, so it is believed to go until some time has passed. */
function verdictOnReleased(facts: InstanceStatus, now: EpochMs): Verdict {
  const since = now - Date.parse(facts.terminatingSince ?? facts.createdAt);
  if (since < RELEASE_AGAIN_MS) return { phase: 'Terminating', reason: facts.reason, fate: 'Leaving' };
  const message = `Its release was asked for ${formatDuration(since)} ago and the cloud still shows it alive.`;
  return { phase: 'Failed', reason: 'ReleaseIgnored', message, fate: 'Replace' };
}

function verdictOnLiving(
  facts: InstanceStatus,
  evidence: Evidence,
  instance: Instance,
  spec: SpotPoolSpec,
  now: EpochMs,
): Verdict {
  if (!instance.isNormal) {
    return {
      phase: 'Failed',
      reason: 'Isolated',
      message: 'The cloud has isolated it (arrears or expiry).',
      fate: 'Replace',
    };
  }
  if (instance.state === 'Stopped') {
    return {
      phase: 'Failed',
      reason: 'Stopped',
      message: `It is ${instance.vendorState} and still costs money.`,
      fate: 'Replace',
    };
  }
  if (instance.state !== 'Running') return verdictOnStarting(facts, instance, spec, now);
  return verdictOnRunning(facts, evidence.answer, spec, now);
}

function verdictOnStarting(facts: InstanceStatus, instance: Instance, spec: SpotPoolSpec, now: EpochMs): Verdict {
  const wait = now - Date.parse(facts.createdAt);
  if (facts.runningAt === undefined && wait > spec.readiness.runningTimeoutMs) {
    const message = `It does not run ${formatDuration(wait)} after its purchase (${instance.vendorState}).`;
    return { phase: 'Failed', reason: 'NeverRan', message, fate: 'Replace' };
  }
  return { phase: 'Pending', reason: instance.state === 'Pending' ? 'BeingMade' : instance.vendorState, fate: 'Keep' };
}

function verdictOnRunning(
  facts: InstanceStatus,
  answer: Answer | undefined,
  spec: SpotPoolSpec,
  now: EpochMs,
): Verdict {
  if (answer?.isOk) {
    return {
      phase: 'Ready',
      reason: 'Answering',
      fate: 'Keep',
      changes: { readyAt: facts.readyAt ?? toTime(now), probeFailures: 0 },
    };
  }
  if (answer === undefined) {
    // A machine whose state was judged before keeps it; nothing new is known.
    const phase = facts.readyAt === undefined ? 'Running' : facts.phase;
    return { phase, reason: facts.readyAt === undefined ? 'NotAskedYet' : facts.reason, fate: 'Keep' };
  }
  const failures = (facts.probeFailures ?? 0) + 1;
  const changes = { probeFailures: failures };
  if (facts.readyAt === undefined) {
    const wait = now - Date.parse(facts.runningAt ?? facts.createdAt);
    if (wait > spec.readiness.readyTimeoutMs) {
      const message = `It runs, but is not ready after ${formatDuration(wait)}: ${answer.why}`;
      return { phase: 'Failed', reason: 'NeverReady', message, fate: 'Replace', changes };
    }
    return { phase: 'Warming', reason: 'NotAnsweringYet', message: answer.why, fate: 'Keep', changes };
  }
  if (failures >= spec.readiness.failureThreshold) {
    const message = `It has stopped answering, ${failures} questions in a row: ${answer.why}`;
    return { phase: 'Failed', reason: 'NotAnswering', message, fate: 'Replace', changes };
  }
  return { phase: 'Ready', reason: 'AnswerMissed', message: answer.why, fate: 'Keep', changes };
}

function isOutdated(facts: InstanceStatus, spec: SpotPoolSpec): boolean {
  if (facts.specHash !== undefined && facts.specHash !== specHashOf(spec)) return true;
  if (facts.imageId !== undefined && facts.imageId !== spec.imageId) return true;
  return offeringOf(spec, facts.offering) === undefined;
}

/** Whether it makes sense to ask a machine for its readiness. */
export function canAnswer(instance: Instance | undefined): instance is Instance {
  return instance?.state === 'Running' && (instance.publicIp ?? instance.privateIp) !== undefined;
}

/** Where a machine is asked: its public address when it has one. */
export function probeUrl(instance: Instance, spec: SpotPoolSpec): string {
  const address = instance.publicIp ?? instance.privateIp ?? '';
  const host = address.includes(':') ? `[${address}]` : address;
  return `http://${host}:${spec.readiness.port}${spec.readiness.path}`;
}

/**
 * The order in which machines leave: failed, unready, outdated, of the dearest offering, youngest; ties by id, so that
 * every run and every process picks the same.
 */
export function byWhoLeavesFirst(a: Machine, b: Machine): number {
  const rank = (machine: Machine): number => {
    if (machine.record.phase === 'Failed') return 0;
    return machine.record.phase === 'Ready' ? 2 : 1;
  };
  return (
    rank(a) - rank(b) ||
    Number(b.record.isOutdated ?? false) - Number(a.record.isOutdated ?? false) ||
    b.cost - a.cost ||
    Date.parse(b.record.createdAt) - Date.parse(a.record.createdAt) ||
    (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
  );
}
