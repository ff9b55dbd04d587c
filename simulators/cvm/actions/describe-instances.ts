import { ApiError, invalid } from '../api-error.ts';
import { type Call, defineAction } from '../call.ts';
import type { InstanceRecord, Tag } from '../model.ts';
import * as schemas from '../schemas.ts';
import { instancesOf, type World } from '../world.ts';
import { checkIds, type FilterTests, passes, readFilters } from './filters.ts';

export const describeInstances = defineAction(schemas.DescribeInstances, (call, request) => {
  const { InstanceIds: ids, Filters: filters } = request;
  if (ids?.length && filters?.length) {
    throw new ApiError(
      call.world.assumptions.idsWithFilters,
      'The parameters `InstanceIds` and `Filters` cannot be given together.',
      '参数`InstanceIds`与`Filters`不能同时指定。',
    );
  }
  checkIds('InstanceIds', ids ?? []);
  const wanted = readFilters(filters ?? [], testsFor(call));
  const rows = inOrder(call.world, visible(call)).filter((instance) => passes(instance, wanted));
  const found = shorten(
    call.world,
    ids?.length ? rows.filter((row) => ids.includes(row.id)) : rows,
    Boolean(ids?.length),
  );
  const shown = found.slice(request.Offset, request.Offset + request.Limit);
  for (const id of ids ?? []) call.touched.add(id);
  return { TotalCount: found.length, InstanceSet: shown.map((instance) => toRow(call.world, instance)) };
});

export const describeInstancesStatus = defineAction(schemas.DescribeInstancesStatus, (call, request) => {
  const { InstanceIds: ids } = request;
  checkIds('InstanceIds', ids ?? []);
  for (const id of ids ?? []) call.touched.add(id);
  const found = inOrder(call.world, visible(call)).filter((instance) => !ids?.length || ids.includes(instance.id));
  const shown = found.slice(request.Offset, request.Offset + request.Limit);
  return {
    TotalCount: found.length,
    InstanceStatusSet: shown.map((instance) => ({ InstanceId: instance.id, InstanceState: instance.state })),
  };
});

export const describeInstancesAttributes = defineAction(schemas.DescribeInstancesAttributes, (call, request) => {
  checkIds('InstanceIds', request.InstanceIds);
  const odd = request.Attributes.find((attribute) => attribute !== 'UserData');
  if (odd) throw invalid('InvalidParameterValue', 'Attributes', odd, 'it must be UserData', '仅支持UserData');
  const rows = visible(call).filter((instance) => request.InstanceIds.includes(instance.id));
  return {
    InstanceSet: rows.map((instance) => ({
      InstanceId: instance.id,
      Attributes: { UserData: instance.userData ?? '' },
    })),
  };
});

function visible(call: Call): readonly InstanceRecord[] {
  const now = call.world.clock.now();
  return instancesOf(call.world, call.account, call.region).filter((instance) => instance.visibleAt <= now);
}

function inOrder(world: World, rows: readonly InstanceRecord[]): readonly InstanceRecord[] {
  if (world.assumptions.listOrder === 'oldest-first') return rows;
  if (world.assumptions.listOrder === 'newest-first') return rows.toReversed();
  return rows
    .map((row) => ({ row, at: world.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ row }) => row);
}

function shorten(world: World, rows: readonly InstanceRecord[], isById: boolean): readonly InstanceRecord[] {
  let kept = rows;
  for (const order of world.shortLists) {
    if (isById && !order.byIdToo) continue;
    kept = order.ids
      ? kept.filter((row) => !order.ids?.includes(row.id))
      : kept.slice(0, Math.max(0, kept.length - order.count));
    order.left -= 1;
  }
  world.shortLists = world.shortLists.filter((order) => order.left > 0);
  return kept;
}

function tagsOf(world: World, instance: InstanceRecord): readonly Tag[] {
  return instance.tagsAt <= world.clock.now() ? instance.tags : [];
}

function publicIpsOf(instance: InstanceRecord): readonly string[] | null {
  const isUp = instance.state !== 'PENDING' && instance.state !== 'LAUNCH_FAILED';
  return isUp && instance.hasPublicIp && instance.address ? [instance.address] : null;
}

function privateIpsOf(instance: InstanceRecord): readonly string[] {
  const address = instance.privateIp ?? instance.address;
  return address ? [address] : [];
}

function testsFor(call: Call): FilterTests<InstanceRecord> {
  const { world } = call;
  const listsSpot = world.assumptions.spotChargeTypeFilter === 'filters';
  return {
    zone: (row) => [row.zone],
    'project-id': (row) => [String(row.projectId)],
    'host-id': () => [],
    'dedicated-cluster-id': () => [],
    'vpc-id': (row) => [row.vpcId],
    'subnet-id': (row) => [row.subnetId],
    'instance-id': (row) => [row.id],
    uuid: (row) => [row.uuid],
    'security-group-id': (row) => row.securityGroupIds,
    'instance-name': { matches: (row, value) => row.name.includes(value) },
    'instance-charge-type': {
      matches: (row, value) => row.chargeType === value || (!listsSpot && value === 'SPOTPAID'),
    },
    'instance-state': (row) => [row.state],
    'private-ip-address': privateIpsOf,
    'public-ip-address': (row) => publicIpsOf(row) ?? [],
    'ipv6-address': () => [],
    'tag-key': (row) => tagsOf(world, row).map((tag) => tag.Key),
    'tag-value': (row) => tagsOf(world, row).map((tag) => tag.Value),
    'creation-start-time': { matches: (row, value) => row.createdAt >= beijing(value) },
    'creation-end-time': { matches: (row, value) => row.createdAt <= beijing(value) },
    'tag:': {
      matches: (row, value, key) => tagsOf(world, row).some((tag) => tag.Key === key && tag.Value === value),
      check: (key) => checkTagKey(call, key),
    },
  };
}

/** Times without a zone mark are those of Beijing. */
function beijing(text: string): number {
  const at = Date.parse(`${text.replace(' ', 'T')}+08:00`);
  if (Number.isNaN(at)) {
    const code = 'InvalidParameterValue.InvalidTimeFormat';
    throw invalid(code, 'Filters.Values', text, 'for instance 2023-06-01 00:00:00', '例如2023-06-01 00:00:00');
  }
  return at;
}

function checkTagKey(call: Call, key: string): void {
  if (call.world.assumptions.unknownTagFilter === 'empty') return;
  const isKnown = instancesOf(call.world, call.account, call.region).some((row) =>
    tagsOf(call.world, row).some((tag) => tag.Key === key),
  );
  if (isKnown) return;
  const code = 'InvalidParameterValue.TagKeyNotFound';
  throw new ApiError(code, `The tag key \`${key}\` does not exist.`, `标签键\`${key}\`不存在。`);
}

const isoSeconds = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** An instance as DescribeInstances shows it. */
function toRow(world: World, instance: InstanceRecord): object {
  const { type } = instance;
  return {
    Placement: { Zone: instance.zone, ProjectId: instance.projectId, HostId: null, HostIds: null, RackId: null },
    InstanceId: instance.id,
    InstanceType: type.instanceType,
    CPU: type.cpu,
    Memory: type.memoryGiB,
    RestrictState: instance.restrictState,
    InstanceName: instance.name,
    InstanceChargeType: instance.chargeType,
    SystemDisk: {
      DiskType: instance.systemDisk.type,
      DiskId: instance.systemDisk.id,
      DiskSize: instance.systemDisk.sizeGiB,
    },
    DataDisks: instance.dataDisks.map((disk) => ({
      DiskType: disk.type,
      DiskId: disk.id,
      DiskSize: disk.sizeGiB,
      DeleteWithInstance: true,
    })),
    PrivateIpAddresses: privateIpsOf(instance),
    PublicIpAddresses: publicIpsOf(instance),
    InternetAccessible: {
      InternetChargeType: instance.internetChargeType,
      InternetMaxBandwidthOut: instance.bandwidthMbps,
      PublicIpAssigned: instance.hasPublicIp,
    },
    VirtualPrivateCloud: { VpcId: instance.vpcId, SubnetId: instance.subnetId, AsVpcGateway: false },
    ImageId: instance.imageId,
    RenewFlag: null,
    CreatedTime: isoSeconds(instance.createdAt),
    ExpiredTime: null,
    OsName: instance.osName,
    SecurityGroupIds: instance.securityGroupIds,
    LoginSettings: { KeyIds: instance.keyIds.length > 0 ? instance.keyIds : null },
    InstanceState: instance.state,
    Tags: tagsOf(world, instance),
    StopChargingMode: instance.stopChargingMode,
    Uuid: instance.uuid,
    LatestOperation: instance.operation,
    LatestOperationState: instance.operationState,
    LatestOperationRequestId: instance.operationRequestId,
    LatestOperationErrorMsg: instance.operationError ?? null,
    DisasterRecoverGroupId: '',
    IPv6Addresses: null,
    CamRoleName: instance.camRole ?? '',
    HpcClusterId: '',
    IsolatedSource: instance.isolatedSource,
    GPUInfo: type.gpuCount > 0 ? { GPUCount: type.gpuCount, GPUId: null, GPUType: type.gpuType } : null,
    LicenseType: null,
    DisableApiTermination: instance.isProtected,
    HostName: instance.hostName ?? null,
    DefaultLoginUser: 'ubuntu',
    DefaultLoginPort: 22,
  };
}
