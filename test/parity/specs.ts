import fc from 'fast-check';
import type { KindDefinition } from '../../src/api/kind.ts';
import { LogPilotKind } from '../../src/api/logpilot.ts';
import { SpotPoolKind } from '../../src/api/spotpool.ts';
import { arbitraryOf } from '../fields/schema-arbitrary.ts';

/** A spec as written. */
export type Raw = Record<string, unknown>;

/** Specs that a kind accepts: what its schema generates, made to fit the rules between the fields. */
export function soundSpecs(kind: KindDefinition): fc.Arbitrary<Raw> {
  const any = arbitraryOf(kind.specSchema) as fc.Arbitrary<Raw>;
  const nothing = fc.subarray(nullable[kind.kind] ?? []);
  return fc.tuple(any, fc.boolean(), nothing).map(([spec, other, absent]) => {
    const sound = fitted(kind, spec, other);
    // A field without a value is a field that is not there.
    for (const name of absent) sound[name] ??= null;
    return sound;
  });
}

/** Fields that no rule asks about, by kind. */
const nullable: Readonly<Record<string, string[]>> = {
  SpotPool: ['drain', 'paused', 'kongGatewayIP', 'deletionPolicy', 'readiness'],
  LogPilot: ['llmToken'],
};

/** Makes the relations between fields hold, touching as little as possible; where two spellings are there one is kept. */
export function fitted(kind: KindDefinition, spec: Raw, preferAlias = false): Raw {
  return kind.kind === SpotPoolKind.kind ? fittedPool({ ...spec }, preferAlias) : fittedPilot({ ...spec });
}

const aliases = [
  ['availabilityZone', 'availableZone'],
  ['minimum', 'minSize'],
  ['maximum', 'maxSize'],
  ['securityGroupIds', 'securityGroupId'],
] as const;

function fittedPool(spec: Raw, preferAlias: boolean): Raw {
  for (const [field, alias] of aliases) {
    const drop = preferAlias && spec[alias] !== undefined ? field : alias;
    if (spec[field] !== undefined && spec[alias] !== undefined) delete spec[drop];
  }
  const region = String(spec['region']);
  const inRegion = (zone: unknown): unknown => (typeof zone === 'string' ? `${region}-1` : zone);
  if (spec['availabilityZone'] === undefined && spec['availableZone'] === undefined) spec['availabilityZone'] = '';
  for (const field of ['availabilityZone', 'availableZone']) {
    if (spec[field] !== undefined) spec[field] = inRegion(spec[field]);
  }
  spec['subnetId'] ??= 'subnet-1';
  spec['instanceType'] ??= 'GN7.2XLARGE32';
  if (spec['securityGroupId'] === undefined) spec['securityGroupIds'] ??= ['sg-1'];
  if (spec['minSize'] === undefined) spec['minimum'] ??= 0;
  if (spec['maxSize'] === undefined) spec['maximum'] ??= 1000;
  if (Array.isArray(spec['offerings'])) {
    spec['offerings'] = spec['offerings'].map((offering) => fittedOffering(offering, spec, inRegion));
  }
  const [low, high] = [spec['minimum'] ?? spec['minSize'], spec['maximum'] ?? spec['maxSize']];
  if (typeof low === 'number' && typeof high === 'number' && low > high) {
    spec['minimum' in spec ? 'minimum' : 'minSize'] = high;
    spec['maximum' in spec ? 'maximum' : 'maxSize'] = low;
  }
  if (
    spec['credentialsSecretRef'] !== undefined ||
    (spec['secretId'] === undefined) !== (spec['secretKey'] === undefined)
  ) {
    delete spec['secretId'];
    delete spec['secretKey'];
  }
  return spec;
}

function fittedOffering(offering: unknown, spec: Raw, inRegion: (zone: unknown) => unknown): unknown {
  if (typeof offering !== 'object' || offering === null) return offering;
  const { maxPrice, ...rest } = offering as Raw;
  const chargeType = rest['instanceChargeType'] ?? spec['instanceChargeType'] ?? 'SPOTPAID';
  return {
    ...rest,
    ...(rest['availabilityZone'] === undefined ? {} : { availabilityZone: inRegion(rest['availabilityZone']) }),
    ...(maxPrice === undefined || chargeType !== 'SPOTPAID' ? {} : { maxPrice }),
  };
}

function fittedPilot(spec: Raw): Raw {
  if (spec['llmTokenSecretRef'] !== undefined) delete spec['llmToken'];
  if (spec['feishuWebhookSecretRef'] !== undefined) delete spec['feishuWebhook'];
  else spec['feishuWebhook'] ??= 'https://open.feishu.cn/open-apis/bot/v2/hook/0000';
  return spec;
}

/**
 * A spec with the value at `steps` changed, and whatever would contradict that value made to fit it: the other spelling
 * goes, the zones follow their region, the larger of two sizes makes room.
 */
export function withChange(
  kind: KindDefinition,
  spec: Raw,
  steps: readonly (string | number)[],
  change: (old: unknown) => unknown,
): unknown {
  const made = changed(roomFor(kind, spec, steps), steps, change) as Raw;
  const region = made?.['region'];
  if (kind.kind !== SpotPoolKind.kind || typeof region !== 'string') return made;
  if (steps[0] === 'region') return { ...made, availabilityZone: `${region}-1` };
  return /Zone$/.test(String(steps.at(-1))) ? changed(made, steps, (zone) => within(region, zone)) : made;
}

/** A zone of the same length, in a region, where there is room for that. */
function within(region: string, zone: unknown): unknown {
  if (typeof zone !== 'string' || [...zone].length < region.length + 2) return zone;
  return `${region}-${[...zone].slice(region.length + 1).join('')}`;
}

function changed(
  value: unknown,
  [step, ...rest]: readonly (string | number)[],
  change: (old: unknown) => unknown,
): unknown {
  if (step === undefined) return change(value);
  if (typeof step === 'number') {
    const list = Array.isArray(value) ? value : [];
    return [changed(list[0], rest, change), ...list.slice(1)];
  }
  const record = typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Raw) : {};
  return { ...record, [step]: changed(record[step], rest, change) };
}

function roomFor(kind: KindDefinition, spec: Raw, [field]: readonly (string | number)[]): Raw {
  const room = { ...spec };
  const drop = (...names: string[]): void => {
    for (const name of names) delete room[name];
  };
  switch (field) {
    case 'availabilityZone':
    case 'minimum':
    case 'securityGroupIds':
    case 'maximum':
    case 'availableZone':
    case 'minSize':
    case 'securityGroupId':
    case 'maxSize': {
      const pair = aliases.find((names) => names.some((name) => name === field)) ?? [];
      drop(...pair.filter((name) => name !== field));
      if (field === 'minimum' || field === 'minSize') {
        drop('maxSize');
        room['maximum'] = 1000;
      }
      if (field === 'maximum' || field === 'maxSize') {
        drop('minSize');
        room['minimum'] = 0;
      }
      return room;
    }
    case 'offerings':
      room['instanceChargeType'] = 'SPOTPAID';
      return room;
    case 'secretId':
    case 'secretKey':
      drop('credentialsSecretRef');
      room[field === 'secretId' ? 'secretKey' : 'secretId'] ??= 'x';
      return room;
    case 'credentialsSecretRef':
      drop('secretId', 'secretKey');
      room[field] ??= { name: 'keys' };
      return room;
    case 'llmToken':
    case 'feishuWebhook':
      drop(`${field}SecretRef`);
      return room;
    case 'llmTokenSecretRef':
    case 'feishuWebhookSecretRef':
      drop(field.replace('SecretRef', ''));
      room[field] ??= { name: 'keys' };
      return room;
    case 'region':
      // Zones are a region with something behind it: they are given up with the old region.
      drop('availableZone', 'offerings');
      return room;
    default:
      return kind.kind === LogPilotKind.kind ? fittedPilot(room) : room;
  }
}
