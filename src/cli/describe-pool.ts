import type { KubeObject } from '../api/meta.ts';
import { parseSpec } from '../api/parse.ts';
import {
  type InstanceStatus,
  type Spend,
  SpotPoolKind,
  type SpotPoolSpec,
  type SpotPoolStatus,
} from '../api/spotpool.ts';
import { offeringId } from '../cloud/cloud.ts';
import type { EpochMs } from '../lib/clock.ts';
import { formatDuration } from '../lib/duration.ts';
import { spendAt } from '../spotpool/ledger.ts';
import { fieldsText, type Section, sinceText, tableLines, untilText } from './sections.ts';

/** What there is to tell of a pool between its head and its conditions. */
export function poolSections({ spec, status }: KubeObject, now: EpochMs): readonly Section[] {
  const seen = (status ?? {}) as SpotPoolStatus;
  return [
    { title: 'Spec', lines: specLines(spec) },
    { title: 'Status', lines: status === undefined ? [] : statusLines(seen, now) },
    { title: 'Machines', lines: machineLines(seen, now) },
    { title: 'Offerings', lines: offeringLines(seen, now) },
    { title: 'Purchases under way', lines: intentLines(seen, now) },
  ];
}

function specLines(raw: unknown): readonly string[] {
  const parsed = parseSpec(SpotPoolKind, raw);
  if (!parsed.ok) return parsed.problems.map(({ message }) => `cannot be read: ${message}`);
  const { spec } = parsed;
  const { instance, readiness } = spec;
  return lines([
    ['Size', sizeText(spec)],
    ['Paused', spec.paused ? 'yes: nothing is bought or released' : ''],
    ['Keys', keysText(spec)],
    ['Region', spec.region],
    ['Network', `${spec.vpcId}, security groups ${spec.securityGroupIds.join(', ')}`],
    ['Image', spec.imageId],
    ['Offerings', spec.offerings.map((offering) => `${offeringId(offering)}${bidText(offering.maxPrice)}`).join(', ')],
    ['Disk', `${instance.systemDisk.type}, ${instance.systemDisk.sizeGiB} GiB`],
    [
      'Public address',
      instance.publicBandwidthMbps === 0 ? 'none' : `${instance.publicBandwidthMbps} Mbit/s, billed by traffic`,
    ],
    ['Key pairs', instance.keyIds.join(', ')],
    ['Ready when', `GET :${readiness.port}${readiness.path} answers 200 within ${formatDuration(readiness.timeoutMs)}`],
    [
      'Replaced when',
      `not running after ${formatDuration(readiness.runningTimeoutMs)}, not ready after ` +
        `${formatDuration(readiness.readyTimeoutMs)}, or silent ${readiness.failureThreshold} times in a row`,
    ],
    ['Drains for', `at most ${formatDuration(spec.drainTimeoutMs)}`],
    ['Buys', `at most ${spec.launchesPerHour} machines within an hour`],
    ['Checked', `every ${formatDuration(spec.checkIntervalMs)}`],
    [
      'When deleted',
      spec.deletionPolicy === 'Retain'
        ? 'its machines go on running, and on costing money'
        : 'its machines are released',
    ],
    ['Gateway', spec.kongGatewayIP ?? ''],
  ]);
}

function sizeText({ minimum, maximum, replicas, surge }: SpotPoolSpec): string {
  const wanted = replicas === undefined ? '' : `, ${replicas} wanted`;
  return `${minimum} to ${maximum}${wanted}${surge === 0 ? '' : `, ${surge} more while one is replaced`}`;
}

function bidText(maxPrice: string | undefined): string {
  return maxPrice === undefined ? '' : ` (at most ${maxPrice} an hour)`;
}

/** Where the keys are; never the keys. */
function keysText({ credentials }: SpotPoolSpec): string {
  switch (credentials.from) {
    case 'inline':
      return 'in the manifest (not shown)';
    case 'secret':
      return `Secret ${credentials.name}`;
    case 'operator':
      return 'those of the operator';
  }
}

function statusLines(status: SpotPoolStatus, now: EpochMs): readonly string[] {
  const { size = 0, ready = 0, outdated = 0, hourlyCost, hourlySavings, currency = '', buyingStopped: stop } = status;
  const spend = spendAt(status, now);
  return lines([
    ['Size', `${size} alive, ${ready} ready${outdated === 0 ? '' : `, ${outdated} of an older spec`}`],
    ['Cost', hourlyCost === undefined ? '' : `${hourlyCost} ${currency} an hour`.replace('  ', ' ')],
    ['Saved', hourlySavings === undefined ? '' : `${hourlySavings} ${currency} an hour against the on-demand price`],
    ['Spent', spend === undefined ? '' : spentText(spend, currency)],
    ['Buying stopped', stop ? `${stop.reason}: ${stop.message} Tried again in ${untilText(stop.until, now)}.` : ''],
  ]);
}

function spentText({ thisHour, today, thisMonth, savedThisMonth }: Spend, currency: string): string {
  return `${thisHour} this hour, ${today} today, ${thisMonth} this month (${savedThisMonth} saved), in ${currency} and UTC`;
}

const MACHINE_HEADS = ['ID', 'PHASE', 'REASON', 'ADDRESS', 'OFFERING', 'COST/H', 'AGE', 'MESSAGE'];

function machineLines({ instances = [] }: SpotPoolStatus, now: EpochMs): readonly string[] {
  const rows = instances.map((machine) => [
    machine.instanceId,
    machine.phase,
    machine.reason,
    machine.publicIp ?? machine.privateIp ?? '',
    machine.offering,
    machine.hourlyCost ?? '',
    sinceText(machine.createdAt, now),
    [...remarksOn(machine, now), machine.message ?? ''].filter((part) => part !== '').join('; '),
  ]);
  return tableLines(MACHINE_HEADS, rows);
}

function remarksOn(machine: InstanceStatus, now: EpochMs): readonly string[] {
  const { isOutdated, probeFailures = 0, drainingSince, missingSince } = machine;
  return [
    ...(isOutdated === true ? ['of an older spec'] : []),
    ...(probeFailures > 0 ? [`silent ${probeFailures} times in a row`] : []),
    ...(drainingSince === undefined ? [] : [`draining for ${sinceText(drainingSince, now)}`]),
    ...(missingSince === undefined ? [] : [`missing for ${sinceText(missingSince, now)}`]),
  ];
}

function offeringLines({ offerings = [] }: SpotPoolStatus, now: EpochMs): readonly string[] {
  const rows = offerings.map(
    ({ offering, state, reason, blockedUntil, hourlyCost = '', lastTriedAt, message = '' }) => [
      offering,
      state,
      reason,
      untilText(blockedUntil, now),
      hourlyCost,
      sinceText(lastTriedAt, now),
      message,
    ],
  );
  return tableLines(['OFFERING', 'STATE', 'REASON', 'TRIED IN', 'COST/H', 'LAST TRIED', 'MESSAGE'], rows);
}

function intentLines({ intents = [] }: SpotPoolStatus, now: EpochMs): readonly string[] {
  const rows = intents.map(({ name, offering, count, plannedAt, unknownSince, message = '' }) => [
    name,
    offering,
    String(count),
    sinceText(plannedAt, now),
    unknownSince === undefined ? '' : `outcome unknown for ${sinceText(unknownSince, now)}`,
    message,
  ]);
  return tableLines(['NAME', 'OFFERING', 'COUNT', 'AGE', 'STATE', 'MESSAGE'], rows);
}

function lines(fields: readonly (readonly [string, string])[]): readonly string[] {
  return fieldsText(fields).trimEnd().split('\n');
}
