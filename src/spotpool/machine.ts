import { toTime } from '../api/meta.ts';
import type { InstanceStatus, SpotPoolSpec } from '../api/spotpool.ts';
import type { Instance } from '../cloud/cloud.ts';
import { offeringId } from '../cloud/cloud.ts';
import type { EpochMs } from '../lib/clock.ts';
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
  /** It cannot be serving anybody: it does not run, or has not answered for a while. */
  readonly isSilent: boolean;
  /** By the hour, for the order in which machines leave; 0 where the price is not known. */
  readonly cost: Micros;
}

interface Verdict {
  readonly phase: InstanceStatus['phase'];
  readonly reason: string;
  readonly message?: string | undefined;
  readonly fate: Fate;
  readonly changes?: Partial<InstanceStatus>;
}

/** What there is to judge a machine by. */
export interface Evidence {
  readonly id: string;
  readonly before: InstanceStatus | undefined;
  /** `undefined`: the cloud, asked by id, does not know it. */
  readonly instance: Instance | undefined;
  /** `undefined`: it could not be asked. */
  readonly answer: Answer | undefined;
}

/** Judges one machine. Pure: the same evidence gives the same verdict. */
export function judgeMachine(evidence: Evidence, spec: SpotPoolSpec, now: EpochMs, cost: Micros): Machine {
  const { id, before, instance, answer } = evidence;
  const facts = factsOf(evidence, now);
  const verdict = verdictOf(facts, evidence, spec, now);
  // A refused release is told until it is tried again.
  const told = (facts.releaseRefusal === undefined ? undefined : facts.message) ?? verdict.message;
  const { message, probeFailures: _failures, silentSince: _since, ...lasting } = { ...facts, message: told };
  const record: InstanceStatus = {
    ...lasting,
    ...verdict.changes,
    phase: verdict.phase,
    reason: verdict.reason,
    ...(message === undefined ? {} : { message: message.slice(0, 1024) }),
    isOutdated: isOutdated(facts, spec),
  };
  const isHere = verdict.fate === 'Keep' || verdict.fate === 'Replace' || verdict.fate === 'Leaving';
  return {
    id,
    record,
    before,
    fate: verdict.fate,
    isAlive: isHere && verdict.phase !== 'Terminating',
    isAnswering: answer?.isOk === true && instance?.state === 'Running',
    isSilent: instance?.state !== 'Running' || (record.probeFailures ?? 0) >= spec.readiness.failureThreshold,
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

/** How a machine was bought, as far as it shows. */
export function offeringOfInstance(instance: Instance): string {
  return offeringId({
    zone: instance.zone,
    subnetId: instance.subnetId,
    instanceType: instance.instanceType,
    chargeType: instance.chargeType === 'POSTPAID_BY_HOUR' ? 'POSTPAID_BY_HOUR' : 'SPOTPAID',
  });
}

function verdictOf(facts: InstanceStatus, evidence: Evidence, spec: SpotPoolSpec, now: EpochMs): Verdict {
  const { instance, answer } = evidence;
  if (!instance) return verdictOnMissing(facts, now);
  if (instance.state === 'LaunchFailed') {
    const message = `The cloud could not start it (${instance.lastError ?? instance.vendorState}).`;
    return { phase: 'Failed', reason: 'LaunchFailed', message, fate: 'LaunchFailed' };
  }
  if (instance.state === 'Terminating') {
    const isOurDoing = facts.terminatingSince !== undefined || facts.drainingSince !== undefined;
    const changes = { terminatingSince: facts.terminatingSince ?? toTime(now) };
    return { phase: 'Terminating', reason: isOurDoing ? facts.reason : 'Reclaimed', fate: 'Leaving', changes };
  }
  if (facts.terminatingSince !== undefined) return verdictOnReleased(facts, now);
  if (facts.drainingSince !== undefined) {
    const changes = answer?.isOk ? {} : silence(facts, spec, now);
    return { phase: 'Draining', reason: facts.reason, message: facts.message, fate: 'Leaving', changes };
  }
  return verdictOnLiving(facts, instance, answer, spec, now);
}

function verdictOnMissing(facts: InstanceStatus, now: EpochMs): Verdict {
  // Lists lag: a machine that was bought a moment ago, and told to go perhaps, may still appear.
  const isYoung = facts.runningAt === undefined && now - Date.parse(facts.createdAt) < INVISIBLE_AT_FIRST_MS;
  const isReleased = facts.terminatingSince !== undefined;
  if (isYoung && facts.phase !== 'Failed')
    return { phase: facts.phase, reason: facts.reason, fate: isReleased ? 'Leaving' : 'Keep' };
  return { phase: 'Terminating', reason: isReleased ? 'Released' : 'Vanished', fate: 'Gone' };
}

/** Told to go, and still shown alive: lists lag, so it is believed to go until some time has passed. */
function verdictOnReleased(facts: InstanceStatus, now: EpochMs): Verdict {
  const since = facts.terminatingSince ?? facts.createdAt;
  if (now - Date.parse(since) < RELEASE_AGAIN_MS) {
    return { phase: 'Terminating', reason: facts.reason, fate: 'Leaving' };
  }
  const message = `Its release was asked for at ${since}, and the cloud still shows it alive.`;
  return { phase: 'Failed', reason: 'ReleaseIgnored', message, fate: 'Leaving' };
}

function verdictOnLiving(
  facts: InstanceStatus,
  instance: Instance,
  answer: Answer | undefined,
  spec: SpotPoolSpec,
  now: EpochMs,
): Verdict {
  if (!instance.isNormal) {
    const message = 'The cloud has isolated it (arrears or expiry).';
    return { phase: 'Failed', reason: 'Isolated', message, fate: 'Replace' };
  }
  switch (instance.state) {
    case 'Stopped': {
      const message = `It is ${instance.vendorState} and still costs money.`;
      return { phase: 'Failed', reason: 'Stopped', message, fate: 'Replace' };
    }
    case 'Pending':
      return verdictOnPending(facts, spec, now);
    case 'Running':
      return facts.readyAt === undefined && !answer?.isOk
        ? verdictOnWarming(facts, answer, spec, now)
        : verdictOnServing(facts, answer, spec, now);
    default:
      return verdictOnInterrupted(facts, instance, spec, now);
  }
}

function verdictOnPending(facts: InstanceStatus, spec: SpotPoolSpec, now: EpochMs): Verdict {
  if (now - Date.parse(facts.createdAt) > spec.readiness.runningTimeoutMs) {
    const message = `It was made at ${facts.createdAt} and does not run yet.`;
    return { phase: 'Failed', reason: 'NeverRan', message, fate: 'Replace' };
  }
  return { phase: 'Pending', reason: 'BeingMade', fate: 'Keep' };
}

/** Alive, but rebooting, starting or being moved: that passes, or it does not. */
function verdictOnInterrupted(facts: InstanceStatus, instance: Instance, spec: SpotPoolSpec, now: EpochMs): Verdict {
  const silentSince = facts.silentSince ?? toTime(now);
  const changes = { silentSince };
  const message = `It has been ${instance.vendorState} since ${silentSince}.`;
  if (now - Date.parse(silentSince) > spec.readiness.runningTimeoutMs) {
    return { phase: 'Failed', reason: 'Interrupted', message, fate: 'Replace', changes };
  }
  return { phase: 'Pending', reason: 'Interrupted', message, fate: 'Keep', changes };
}

/** It runs and has never answered yet. */
function verdictOnWarming(
  facts: InstanceStatus,
  answer: Answer | undefined,
  spec: SpotPoolSpec,
  now: EpochMs,
): Verdict {
  const why = whyNot(answer);
  const since = facts.runningAt ?? facts.createdAt;
  if (now - Date.parse(since) > spec.readiness.readyTimeoutMs) {
    const message = `It has run since ${since} and has never been ready: ${why}`;
    return { phase: 'Failed', reason: 'NeverReady', message, fate: 'Replace' };
  }
  if (!answer) return { phase: 'Running', reason: 'NoAddressYet', fate: 'Keep' };
  return { phase: 'Warming', reason: 'NotAnsweringYet', message: why, fate: 'Keep' };
}

/** It runs and has answered, now or before. */
function verdictOnServing(
  facts: InstanceStatus,
  answer: Answer | undefined,
  spec: SpotPoolSpec,
  now: EpochMs,
): Verdict {
  if (answer?.isOk) {
    return { phase: 'Ready', reason: 'Answering', fate: 'Keep', changes: { readyAt: facts.readyAt ?? toTime(now) } };
  }
  const why = whyNot(answer);
  const changes = silence(facts, spec, now);
  if (changes.probeFailures >= spec.readiness.failureThreshold) {
    const message = `It has not answered since ${changes.silentSince}: ${why}`;
    return { phase: 'Failed', reason: 'NotAnswering', message, fate: 'Replace', changes };
  }
  return { phase: 'Ready', reason: 'AnswerMissed', message: why, fate: 'Keep', changes };
}

function whyNot(answer: Answer | undefined): string {
  return answer && !answer.isOk ? answer.why : 'It has no address.';
}

/**
 * Counts a missed answer. Runs can follow each other within milliseconds (a walk through sold-out offerings), so failures
 * count only as far as time has passed: at most one in half a check interval. They count up to the threshold and no
 * further, so that a machine that stays silent does not change its record for ever.
 */
function silence(
  facts: InstanceStatus,
  spec: SpotPoolSpec,
  now: EpochMs,
): { readonly probeFailures: number; readonly silentSince: string } {
  // Without a failure counted, the silence was that of an interruption, which is over.
  const silentSince = (facts.probeFailures === undefined ? undefined : facts.silentSince) ?? toTime(now);
  // Recorded times are cut to whole seconds: only what is older than a second has passed for certain.
  const passedMs = Math.max(0, now - Date.parse(silentSince) - 1000);
  const most = 1 + Math.floor(passedMs / (spec.checkIntervalMs / 2));
  return {
    silentSince,
    probeFailures: Math.min((facts.probeFailures ?? 0) + 1, most, spec.readiness.failureThreshold),
  };
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
