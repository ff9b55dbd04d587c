import { ApiError, invalid } from '../api-error.ts';
import { priceOf } from '../billing.ts';
import type { Call } from '../call.ts';
import type { ChargeType, HourPrice, ImageRecord, OfferRecord, SubnetRecord, TypeSpec, ZoneSpec } from '../model.ts';
import { CHARGE_TYPES } from '../model.ts';
import type { RunInstances } from '../schemas.ts';

/** What RunInstances and InquiryPriceRunInstances are asked about. */
export type OrderRequest = Pick<
  RunInstances,
  | 'Placement'
  | 'ImageId'
  | 'InstanceChargeType'
  | 'InstanceType'
  | 'SystemDisk'
  | 'DataDisks'
  | 'VirtualPrivateCloud'
  | 'InternetAccessible'
  | 'SecurityGroupIds'
  | 'LoginSettings'
  | 'InstanceMarketOptions'
>;

/** A request whose references have all been found. */
export interface Purchase {
  readonly zone: ZoneSpec;
  readonly type: TypeSpec;
  readonly offer: OfferRecord;
  readonly chargeType: ChargeType;
  readonly image: ImageRecord;
  readonly subnet: SubnetRecord;
  readonly systemDisk: { readonly type: string; readonly sizeGiB: number };
  readonly bandwidth: { readonly mbps: number; readonly chargeType: string };
  readonly price: HourPrice;
}

const DISK_TYPES = [
  'CLOUD_PREMIUM',
  'CLOUD_SSD',
  'CLOUD_BSSD',
  'CLOUD_HSSD',
  'CLOUD_TSSD',
  'CLOUD_BASIC',
  'LOCAL_BASIC',
  'LOCAL_SSD',
];
const INTERNET_CHARGE_TYPES = [
  'BANDWIDTH_PREPAID',
  'TRAFFIC_POSTPAID_BY_HOUR',
  'BANDWIDTH_POSTPAID_BY_HOUR',
  'BANDWIDTH_PACKAGE',
];
const DEFAULT_DISK_GIB = 50;
const MAX_BANDWIDTH_MBPS = 2000;

/** Finds everything that a request names. @throws {ApiError} for the first thing that does not exist or does not fit */
export function resolvePurchase(call: Call, request: OrderRequest): Purchase {
  const chargeType = resolveChargeType(request);
  const zone = resolveZone(call, request.Placement.Zone);
  const type = resolveType(call, request.InstanceType);
  const offer = resolveOffer(call, zone, type, chargeType);
  const image = resolveImage(call, request.ImageId, type);
  const subnet = resolveSubnet(call, request, zone);
  checkSecurityGroups(call, request.SecurityGroupIds ?? []);
  checkLogin(call, request.LoginSettings ?? {}, image);
  const systemDisk = resolveDisk(request, image);
  const bandwidth = resolveBandwidth(request);
  const diskGiB = systemDisk.sizeGiB + (request.DataDisks ?? []).reduce((sum, disk) => sum + disk.DiskSize, 0);
  const price = priceOf(offer, chargeType, diskGiB, bandwidth);
  checkBid(request, chargeType, price);
  return { zone, type, offer, chargeType, image, subnet, systemDisk, bandwidth, price };
}

function resolveChargeType(request: OrderRequest): ChargeType {
  const given = request.InstanceChargeType ?? 'POSTPAID_BY_HOUR';
  const known = CHARGE_TYPES.find((type) => type === given);
  if (known) return known;
  if (['PREPAID', 'CDHPAID', 'CDCPAID'].includes(given)) {
    throw new ApiError(
      'UnsupportedOperation',
      `InstanceChargeType ${given} is not for sale in this simulator; SPOTPAID and POSTPAID_BY_HOUR are.`,
      `本模拟器不出售计费模式${given}，仅支持SPOTPAID与POSTPAID_BY_HOUR。`,
    );
  }
  const allowed = ['PREPAID', ...CHARGE_TYPES, 'CDHPAID', 'CDCPAID'].join(', ');
  throw invalid(
    'InvalidParameterValue',
    'InstanceChargeType',
    given,
    `it must be one of ${allowed}`,
    `可选值为${allowed}`,
  );
}

function resolveZone(call: Call, name: string): ZoneSpec {
  const zone = call.world.zones.get(name);
  if (zone && zone.region === call.region) return zone;
  throw new ApiError(
    'InvalidZone.MismatchRegion',
    `The specified zone \`${name}\` is not in region \`${call.region}\`.`,
    `指定的可用区\`${name}\`不在地域\`${call.region}\`内。`,
  );
}

function resolveType(call: Call, name: string | undefined): TypeSpec {
  // The vendor picks a type by stock when none is given; here the first of the catalogue.
  const type = name === undefined ? [...call.world.types.values()][0] : call.world.types.get(name);
  if (type) return type;
  if (!/^[A-Za-z0-9]+\.[A-Z0-9]+$/.test(name ?? '')) {
    throw invalid(
      'InvalidInstanceType.Malformed',
      'InstanceType',
      name,
      'for instance GN7.2XLARGE32',
      '例如GN7.2XLARGE32',
    );
  }
  throw invalid(
    'InvalidParameterValue.InstanceTypeNotFound',
    'InstanceType',
    name,
    'the specified instance type does not exist',
    '指定的机型不存在',
  );
}

function resolveOffer(call: Call, zone: ZoneSpec, type: TypeSpec, chargeType: ChargeType): OfferRecord {
  if (chargeType === 'SPOTPAID' && !type.isSpot) {
    throw new ApiError(
      'UnsupportedOperation.NoInstanceTypeSupportSpot',
      `The instance type ${type.instanceType} does not support spot instances.`,
      `机型${type.instanceType}不支持竞价实例。`,
    );
  }
  const offer = call.world.offers.get(`${zone.zone}/${type.instanceType}`);
  if (offer) return offer;
  throw new ApiError(
    'ResourceNotFound.InvalidZoneInstanceType',
    `The instance type ${type.instanceType} is not supported in the zone ${zone.zone}.`,
    `可用区${zone.zone}不支持机型${type.instanceType}。`,
  );
}

function resolveImage(call: Call, id: string, type: TypeSpec): ImageRecord {
  if (!/^img-[a-z0-9]{8}$/.test(id)) {
    throw invalid('InvalidImageId.Malformed', 'ImageId', id, 'ids look like img-xxxxxxxx', '格式应为img-xxxxxxxx');
  }
  const image = call.world.images.get(id);
  if (!image || image.region !== call.region || (image.account ?? call.account.name) !== call.account.name) {
    throw new ApiError('InvalidImageId.NotFound', `The image \`${id}\` does not exist.`, `镜像\`${id}\`不存在。`);
  }
  if (image.state !== 'NORMAL') {
    throw new ApiError(
      'InvalidParameterValue.InvalidImageState',
      `The image \`${id}\` is ${image.state}; try again when it is NORMAL.`,
      `镜像\`${id}\`的状态为${image.state}，请在其变为NORMAL后重试。`,
    );
  }
  if (image.unsuitedTypes?.includes(type.instanceType)) {
    throw new ApiError(
      'InvalidParameterValue.InvalidImageForGivenInstanceType',
      `The image \`${id}\` does not support the instance type ${type.instanceType}.`,
      `镜像\`${id}\`不支持机型${type.instanceType}。`,
    );
  }
  return image;
}

function resolveSubnet(call: Call, request: OrderRequest, zone: ZoneSpec): SubnetRecord {
  const { VpcId: vpcId = 'DEFAULT', SubnetId: subnetId = 'DEFAULT' } = request.VirtualPrivateCloud ?? {};
  const { subnets, spec } = call.world;
  if (vpcId === 'DEFAULT' && subnetId === 'DEFAULT') {
    const first = [...subnets.values()].find((subnet) => subnet.zone === zone.zone);
    if (first) return first;
  }
  const [vpcField, subnetField] = ['VirtualPrivateCloud.VpcId', 'VirtualPrivateCloud.SubnetId'];
  const refuse = (code: string, field: string, value: string, english: string, chinese: string): ApiError =>
    invalid(`InvalidParameterValue.${code}`, field, value, english, chinese);
  if (!/^vpc-[a-z0-9]{8}$/.test(vpcId)) {
    throw refuse('VpcIdMalformed', vpcField, vpcId, 'ids look like vpc-xxxxxxxx', '格式应为vpc-xxxxxxxx');
  }
  if (!/^subnet-[a-z0-9]{8}$/.test(subnetId)) {
    throw refuse(
      'SubnetIdMalformed',
      subnetField,
      subnetId,
      'ids look like subnet-xxxxxxxx',
      '格式应为subnet-xxxxxxxx',
    );
  }
  if (!spec.vpcs.some((vpc) => vpc.vpcId === vpcId && vpc.region === call.region)) {
    throw refuse('VpcIdNotExist', vpcField, vpcId, 'the specified VpcId does not exist', '指定的VpcId不存在');
  }
  const subnet = subnets.get(subnetId);
  if (!subnet || subnet.region !== call.region) {
    throw refuse('SubnetNotExist', subnetField, subnetId, 'the specified subnet does not exist', '指定的子网不存在');
  }
  if (subnet.vpcId !== vpcId) {
    throw refuse('VpcIdSubnetIdNotMatch', subnetField, subnetId, `it is not a subnet of ${vpcId}`, `不属于${vpcId}`);
  }
  if (subnet.zone !== zone.zone) {
    throw refuse('SubnetIdZoneIdNotMatch', subnetField, subnetId, `it lies in ${subnet.zone}`, `位于${subnet.zone}`);
  }
  return subnet;
}

const MAX_GROUPS = 5;

/** Checks the groups of an instance that is to have them. */
export function checkSecurityGroups(call: Call, ids: readonly string[]): void {
  for (const id of ids) {
    if (!/^sg-[a-z0-9]{8}$/.test(id)) {
      throw invalid(
        'InvalidSgId.Malformed',
        'SecurityGroupIds',
        id,
        'ids look like sg-xxxxxxxx',
        '格式应为sg-xxxxxxxx',
      );
    }
    if (!call.world.spec.securityGroups.some((group) => group.groupId === id && group.region === call.region)) {
      throw new ApiError(
        'InvalidSecurityGroupId.NotFound',
        `The security group \`${id}\` does not exist.`,
        `安全组\`${id}\`不存在。`,
      );
    }
  }
  if (ids.length > MAX_GROUPS) {
    throw new ApiError(
      'LimitExceeded.AssociateUSGLimitExceeded',
      `An instance can be bound with up to ${MAX_GROUPS} security groups; ${ids.length} were given.`,
      `一个实例最多绑定${MAX_GROUPS}个安全组，当前为${ids.length}个。`,
    );
  }
}

function checkLogin(call: Call, login: NonNullable<RunInstances['LoginSettings']>, image: ImageRecord): void {
  const keyIds = login.KeyIds ?? [];
  const keep = login.KeepImageLogin ?? 'FALSE';
  if (!['TRUE', 'FALSE'].includes(keep)) {
    throw invalid(
      'InvalidParameterValue',
      'LoginSettings.KeepImageLogin',
      keep,
      'it must be TRUE or FALSE',
      '可选值为TRUE或FALSE',
    );
  }
  const ways = [login.Password !== undefined, keyIds.length > 0, keep === 'TRUE'].filter(Boolean).length;
  if (ways > 1) {
    throw new ApiError(
      'InvalidParameterCombination',
      'Only one of LoginSettings.Password, LoginSettings.KeyIds and LoginSettings.KeepImageLogin can be given.',
      'LoginSettings.Password、LoginSettings.KeyIds与LoginSettings.KeepImageLogin只能指定一个。',
    );
  }
  if (keep === 'TRUE' && image.type === 'PUBLIC_IMAGE') {
    throw invalid(
      'InvalidParameterValue.NotSupported',
      'LoginSettings.KeepImageLogin',
      keep,
      'public images have no login to keep',
      '公共镜像不支持保持镜像登录设置',
    );
  }
  for (const id of keyIds) checkKeyPair(call, id);
}

function checkKeyPair(call: Call, id: string): void {
  if (!/^skey-[a-z0-9]{8}$/.test(id)) {
    throw invalid(
      'InvalidKeyPairId.Malformed',
      'LoginSettings.KeyIds',
      id,
      'ids look like skey-xxxxxxxx',
      '格式应为skey-xxxxxxxx',
    );
  }
  if (call.world.spec.keyPairs.includes(id)) return;
  throw invalid(
    'InvalidParameterValue.KeyPairNotFound',
    'LoginSettings.KeyIds',
    id,
    'the key pair does not exist',
    '密钥对不存在',
  );
}

function resolveDisk(request: OrderRequest, image: ImageRecord): Purchase['systemDisk'] {
  const type = request.SystemDisk?.DiskType ?? 'CLOUD_PREMIUM';
  for (const name of [type, ...(request.DataDisks ?? []).map((disk) => disk.DiskType ?? type)]) {
    if (DISK_TYPES.includes(name)) continue;
    const allowed = DISK_TYPES.join(', ');
    throw invalid(
      'InvalidParameterValue',
      'SystemDisk.DiskType',
      name,
      `it must be one of ${allowed}`,
      `可选值为${allowed}`,
    );
  }
  for (const { DiskSize: size } of request.DataDisks ?? []) {
    if (size > 0 && size % 10 === 0) continue;
    throw invalid('InvalidParameterValue.Range', 'DataDisks.DiskSize', size, 'a multiple of 10 GiB', '应为10的整数倍');
  }
  const sizeGiB = request.SystemDisk?.DiskSize ?? Math.max(DEFAULT_DISK_GIB, image.sizeGiB);
  if (sizeGiB < image.sizeGiB) {
    throw new ApiError(
      'FailedOperation.SnapshotSizeLargerThanDataSize',
      `The disk of ${sizeGiB} GiB is smaller than the image of ${image.sizeGiB} GiB.`,
      `系统盘${sizeGiB}GiB小于镜像大小${image.sizeGiB}GiB。`,
    );
  }
  return { type, sizeGiB };
}

function resolveBandwidth(request: OrderRequest): Purchase['bandwidth'] {
  const internet = request.InternetAccessible ?? {};
  const mbps = internet.InternetMaxBandwidthOut ?? 0;
  const chargeType = internet.InternetChargeType ?? 'TRAFFIC_POSTPAID_BY_HOUR';
  if (!INTERNET_CHARGE_TYPES.includes(chargeType)) {
    const allowed = INTERNET_CHARGE_TYPES.join(', ');
    const field = 'InternetAccessible.InternetChargeType';
    throw invalid('InvalidParameterValue', field, chargeType, `it must be one of ${allowed}`, `可选值为${allowed}`);
  }
  if (mbps > MAX_BANDWIDTH_MBPS) {
    const field = 'InternetAccessible.InternetMaxBandwidthOut';
    throw invalid(
      'InvalidParameterValue.Range',
      field,
      mbps,
      `at most ${MAX_BANDWIDTH_MBPS}`,
      `不超过${MAX_BANDWIDTH_MBPS}`,
    );
  }
  if (mbps === 0 && internet.PublicIpAssigned === true) {
    throw new ApiError(
      'InvalidParameterCombination',
      'PublicIpAssigned needs an InternetMaxBandwidthOut above 0.',
      'PublicIpAssigned为true时InternetMaxBandwidthOut须大于0。',
    );
  }
  return { mbps, chargeType };
}

function checkBid(request: OrderRequest, chargeType: ChargeType, price: HourPrice): void {
  const options = request.InstanceMarketOptions;
  if (!options) return;
  if (chargeType !== 'SPOTPAID') {
    throw new ApiError(
      'InvalidParameterCombination',
      'InstanceMarketOptions can only be given with InstanceChargeType SPOTPAID.',
      'InstanceMarketOptions仅适用于计费模式SPOTPAID。',
    );
  }
  const { MaxPrice: maxPrice, SpotInstanceType: kind = 'one-time' } = options.SpotOptions;
  if (kind.toLowerCase() !== 'one-time') {
    const field = 'InstanceMarketOptions.SpotOptions.SpotInstanceType';
    throw invalid('InvalidParameterValue', field, kind, 'it must be one-time', '仅支持one-time');
  }
  if (!/^\d+(\.\d+)?$/.test(maxPrice)) {
    const field = 'InstanceMarketOptions.SpotOptions.MaxPrice';
    throw invalid('InvalidParameterValue', field, maxPrice, 'a price such as 0.50', '应为价格，例如0.50');
  }
  if (Number(maxPrice) * 1_000_000 < price.machine) {
    throw new ApiError(
      'InvalidParameterValue.InsufficientPrice',
      `The bid ${maxPrice} is lower than the market price ${price.machine / 1_000_000}.`,
      `出价${maxPrice}低于当前市场价${price.machine / 1_000_000}。`,
    );
  }
}
