import { ApiError, invalid } from '../api-error.ts';
import { balanceOf, frozenOf, totalOf } from '../billing.ts';
import { type Call, defineAction } from '../call.ts';
import { launch, terminate } from '../lifecycle.ts';
import type { InstanceRecord, Tag } from '../model.ts';
import { between, letters, uuid } from '../random.ts';
import { RunInstances } from '../schemas.ts';
import { changeStock, spotCoresUsed, stockOf } from '../world.ts';
import { nameFor } from './names.ts';
import { type Purchase, resolvePurchase } from './purchase.ts';
import { checkTexts } from './texts.ts';

const MAX_TOKEN_BYTES = 64;
const HOUR_MS = 3_600_000;

export const runInstances = defineAction(RunInstances, (call, request) => {
  checkToken(request.ClientToken);
  const token = tokenKey(call, request.ClientToken);
  const body = JSON.stringify({ ...request, ClientToken: undefined, DryRun: undefined });
  const remembered = request.DryRun ? undefined : recall(call, token, body);
  if (remembered) return answer(call, remembered);
  try {
    const purchase = resolvePurchase(call, request);
    checkTexts(call, request, purchase);
    const count = countFor(call, request, purchase);
    if (request.DryRun) return passDryRun(call);
    checkBalance(call, purchase, count);
    const ids = buy(call, request, purchase, count);
    if (token) call.world.tokens.set(token, { body, at: call.world.clock.now(), outcome: { ids } });
    return answer(call, ids);
  } catch (error) {
    const remembers = call.world.assumptions.clientToken === 'failures-remembered' && !request.DryRun;
    if (token && remembers && error instanceof ApiError) {
      call.world.tokens.set(token, { body, at: call.world.clock.now(), outcome: { error } });
    }
    throw error;
  }
});

/** Forgets a token whose call was answered by a fault; for the assumption `forgotten-after-failure`. */
export function forgetToken(call: Call, clientToken: string): void {
  if (call.world.assumptions.clientToken !== 'forgotten-after-failure') return;
  const token = tokenKey(call, clientToken);
  if (token) call.world.tokens.delete(token);
}

function answer(call: Call, ids: readonly string[]): object {
  for (const id of ids) call.touched.add(id);
  return { InstanceIdSet: ids };
}

function checkToken(token: string | undefined): void {
  if (token === undefined || Buffer.byteLength(token) <= MAX_TOKEN_BYTES) return;
  throw new ApiError(
    'InvalidClientToken.TooLong',
    `The ClientToken is longer than ${MAX_TOKEN_BYTES} bytes.`,
    `ClientToken长度超过${MAX_TOKEN_BYTES}字节。`,
  );
}

function tokenKey(call: Call, token: string | undefined): string | undefined {
  if (!token || call.world.assumptions.clientToken === 'ignored') return undefined;
  return `${call.account.name}/${call.region}/${token}`;
}

function recall(call: Call, token: string | undefined, body: string): readonly string[] | undefined {
  const known = token ? call.world.tokens.get(token) : undefined;
  if (!known) return undefined;
  if (call.world.clock.now() - known.at > call.world.assumptions.tokenWindowHours * HOUR_MS) return undefined;
  if (known.body !== body && call.world.assumptions.tokenReuse === 'refuse') {
    throw new ApiError(
      'InvalidParameterValue',
      'The parameter `ClientToken` was used before with other parameters.',
      '参数`ClientToken`已被用于参数不同的请求。',
    );
  }
  if ('error' in known.outcome) throw known.outcome.error;
  return known.outcome.ids;
}

/** How many machines are bought: all that were asked for, or with MinCount as many as there are. */
function countFor(call: Call, request: RunInstances, purchase: Purchase): number {
  const { world, account } = call;
  const wanted = request.InstanceCount;
  const least = minCountOf(call, request);
  const cores = spotCoresUsed(world, account, purchase.zone.zone) + wanted * purchase.type.cpu;
  if (purchase.chargeType === 'SPOTPAID' && cores > account.spotQuotaCores) {
    throw new ApiError(
      'LimitExceeded.UserSpotQuota',
      `Your spot quota in ${purchase.zone.zone} is ${account.spotQuotaCores} vCPU cores; ${cores} would be used.`,
      `您在${purchase.zone.zone}的竞价实例配额为${account.spotQuotaCores}核，本次将用到${cores}核。`,
    );
  }
  if (purchase.subnet.free < wanted) {
    throw new ApiError(
      'FailedOperation.NoAvailableIpAddressCountInSubnet',
      `The subnet ${purchase.subnet.subnetId} has ${purchase.subnet.free} addresses left; ${wanted} are needed.`,
      `子网${purchase.subnet.subnetId}剩余${purchase.subnet.free}个IP，需要${wanted}个。`,
    );
  }
  const left = stockOf(purchase.offer, purchase.chargeType);
  if (left >= wanted) return wanted;
  if (left >= least) return left;
  if (least < wanted) {
    throw new ApiError(
      'ResourceInsufficient.InsufficientOfferingMinimum',
      `The stock cannot satisfy the minimum of ${least} instances.`,
      `库存无法满足最小购买数量${least}。`,
    );
  }
  throw soldOut(call, purchase);
}

function minCountOf(call: Call, request: RunInstances): number {
  if (request.MinCount === undefined) return request.InstanceCount;
  if (call.world.assumptions.minCount === 'unsupported') {
    throw new ApiError(
      'UnsupportedOperation.MinCountUnsupportedRegion',
      'This region does not currently support the MinCount parameter.',
      '当前地域不支持MinCount参数。',
    );
  }
  if (request.MinCount > request.InstanceCount) {
    const code = 'InvalidParameterValue.InvalidParameterMinCount';
    throw invalid(code, 'MinCount', request.MinCount, 'at most InstanceCount', '不得大于InstanceCount');
  }
  return request.MinCount;
}

function soldOut(call: Call, purchase: Purchase): ApiError {
  const where = `${purchase.type.instanceType} / ${purchase.zone.zone}`;
  if (purchase.chargeType === 'SPOTPAID') {
    return new ApiError(
      call.world.assumptions.soldOutCode,
      `Spot instances are sold out in the zone (${where}).`,
      `该可用区的竞价实例已售罄（${where}）。`,
    );
  }
  return new ApiError(
    'ResourceInsufficient.SpecifiedInstanceType',
    `The specified instance type is insufficient (${where}).`,
    `指定的机型库存不足（${where}）。`,
  );
}

function checkBalance(call: Call, purchase: Purchase, count: number): void {
  const free = balanceOf(call.world, call.account) - frozenOf(call.world, call.account);
  if (free >= totalOf(purchase.price) * count) return;
  throw new ApiError(
    'InvalidAccount.InsufficientBalance',
    'The account balance is insufficient: one hour of every instance is frozen when it is made.',
    '账户余额不足：创建实例时需冻结一小时的费用。',
  );
}

function passDryRun(call: Call): object {
  if (call.world.assumptions.dryRunPass === 'plain') return {};
  throw new ApiError(
    'DryRunOperation',
    'The request would have succeeded; DryRun was set.',
    '请求检查通过（DryRun）。',
  );
}

function buy(call: Call, request: RunInstances, purchase: Purchase, count: number): readonly string[] {
  const { world } = call;
  changeStock(world, purchase.offer, purchase.chargeType, stockOf(purchase.offer, purchase.chargeType) - count);
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const instance = toInstance(call, request, purchase, index, count);
    ids.push(instance.id);
    launch(world, instance);
    const timer = request.ActionTimer;
    if (timer) world.after(Date.parse(timer.ActionTime ?? '') - world.clock.now(), () => endByTimer(call, instance));
  }
  return ids;
}

function endByTimer(call: Call, instance: InstanceRecord): void {
  if (instance.endedAt === undefined) terminate(call.world, instance, 'action-timer');
}

function toInstance(
  call: Call,
  request: RunInstances,
  purchase: Purchase,
  index: number,
  count: number,
): InstanceRecord {
  const { world } = call;
  const { random, timing } = world;
  const now = world.clock.now();
  const id = freshId(call);
  const visibleAt = now + between(random, timing.appear);
  const hasPublicIp = purchase.bandwidth.mbps > 0 && request.InternetAccessible?.PublicIpAssigned !== false;
  const ordinal = world.instances.size + world.gone.length;
  const tags: readonly Tag[] = (request.TagSpecification ?? []).flatMap((specification) => specification.Tags);
  return {
    id,
    uuid: uuid(random),
    account: call.account.name,
    name: nameFor(request.InstanceName, index, count),
    region: call.region,
    zone: purchase.zone.zone,
    type: purchase.type,
    chargeType: purchase.chargeType,
    imageId: purchase.image.id,
    osName: purchase.image.osName,
    projectId: request.Placement.ProjectId ?? 0,
    vpcId: purchase.subnet.vpcId,
    subnetId: purchase.subnet.subnetId,
    securityGroupIds: request.SecurityGroupIds ?? [],
    privateIp: hasPublicIp
      ? (request.VirtualPrivateCloud?.PrivateIpAddresses?.[index] ?? `${purchase.subnet.prefix}${2 + (ordinal % 250)}`)
      : undefined,
    address: undefined,
    bandwidthMbps: purchase.bandwidth.mbps,
    internetChargeType: purchase.bandwidth.chargeType,
    hasPublicIp,
    systemDisk: { id: `disk-${letters(random, 8)}`, ...purchase.systemDisk },
    dataDisks: (request.DataDisks ?? []).map((disk) => ({
      id: `disk-${letters(random, 8)}`,
      type: disk.DiskType ?? purchase.systemDisk.type,
      sizeGiB: disk.DiskSize,
    })),
    keyIds: request.LoginSettings?.KeyIds ?? [],
    login: request.LoginSettings?.KeepImageLogin ?? 'FALSE',
    userData: request.UserData,
    hostName: request.HostName,
    camRole: request.CamRoleName,
    isProtected: request.DisableApiTermination ?? false,
    tags,
    createdAt: now,
    visibleAt,
    tagsAt: visibleAt + between(random, timing.tags),
    state: 'PENDING',
    restrictState: 'NORMAL',
    isolatedSource: 'NOTISOLATED',
    operation: 'RunInstances',
    operationState: 'OPERATING',
    operationRequestId: call.requestId,
    operationError: undefined,
    stopChargingMode: 'NOT_APPLICABLE',
    terminationTime: undefined,
    turn: 0,
    charges: [],
    price: purchase.price,
    endedAt: undefined,
    endCause: undefined,
    absentAt: undefined,
  };
}

function freshId(call: Call): string {
  for (;;) {
    const id = `ins-${letters(call.world.random, 8)}`;
    if (!call.world.instances.has(id)) return id;
  }
}
