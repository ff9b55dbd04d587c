import { z } from 'zod';

const text = z.string();
const texts = z.array(text);
const int = z.int();
const bool = z.boolean();

/** Shape of the requests, as the vendor's models of version 2017-03-12 list their fields. */
export const Filters = z.array(z.strictObject({ Name: text, Values: texts }));

const Placement = z.strictObject({
  Zone: text,
  ProjectId: int.optional(),
  HostIds: texts.optional(),
  HostId: text.optional(),
  DedicatedResourcePackTenancy: text.optional(),
  DedicatedResourcePackIds: texts.optional(),
  RackId: text.optional(),
});

const SystemDisk = z.strictObject({
  DiskType: text.optional(),
  DiskId: text.optional(),
  DiskSize: int.optional(),
  CdcId: text.optional(),
  DiskName: text.max(128).optional(),
  Encrypt: bool.optional(),
  KmsKeyId: text.optional(),
});

const DataDisk = z.strictObject({
  DiskSize: int,
  DiskType: text.optional(),
  DiskId: text.optional(),
  DeleteWithInstance: bool.optional(),
  SnapshotId: text.optional(),
  Encrypt: bool.optional(),
  KmsKeyId: text.optional(),
  ThroughputPerformance: int.optional(),
  CdcId: text.optional(),
  BurstPerformance: bool.optional(),
  DiskName: text.optional(),
});

const Enabled = z.strictObject({ Enabled: bool.optional() });
const TagSpecification = z.array(
  z.strictObject({ ResourceType: text, Tags: z.array(z.strictObject({ Key: text, Value: text })) }),
);

/** What RunInstances and InquiryPriceRunInstances have in common. */
const order = {
  InstanceChargeType: text.optional(),
  InstanceChargePrepaid: z.looseObject({}).optional(),
  InstanceType: text.optional(),
  SystemDisk: SystemDisk.optional(),
  DataDisks: z.array(DataDisk).max(21).optional(),
  VirtualPrivateCloud: z
    .strictObject({
      VpcId: text,
      SubnetId: text,
      AsVpcGateway: bool.optional(),
      PrivateIpAddresses: texts.optional(),
      Ipv6AddressCount: int.optional(),
    })
    .optional(),
  InternetAccessible: z
    .strictObject({
      InternetChargeType: text.optional(),
      InternetMaxBandwidthOut: int.min(0).optional(),
      PublicIpAssigned: bool.optional(),
      BandwidthPackageId: text.optional(),
      InternetServiceProvider: text.optional(),
      IPv4AddressType: text.optional(),
      IPv6AddressType: text.optional(),
      AntiDDoSPackageId: text.optional(),
    })
    .optional(),
  InstanceName: text.optional(),
  LoginSettings: z
    .strictObject({ Password: text.optional(), KeyIds: texts.optional(), KeepImageLogin: text.optional() })
    .optional(),
  SecurityGroupIds: texts.optional(),
  EnhancedService: z
    .strictObject({
      SecurityService: Enabled.optional(),
      MonitorService: Enabled.optional(),
      AutomationService: Enabled.optional(),
    })
    .optional(),
  ClientToken: text.optional(),
  HostName: text.optional(),
  TagSpecification: TagSpecification.optional(),
  InstanceMarketOptions: z
    .strictObject({
      MarketType: text.optional(),
      SpotOptions: z.strictObject({ MaxPrice: text, SpotInstanceType: text.optional() }),
    })
    .optional(),
  Metadata: z.strictObject({ Items: z.array(z.strictObject({ Key: text, Value: text })) }).optional(),
  HpcClusterId: text.optional(),
  CpuTopology: z.strictObject({ CoreCount: int.optional(), ThreadPerCore: int.optional() }).optional(),
  LaunchTemplate: z.looseObject({}).optional(),
  NetworkInterfaces: z.array(z.looseObject({})).optional(),
};

export const RunInstances = z.strictObject({
  ...order,
  Placement: Placement,
  ImageId: text,
  InstanceCount: int.min(1).max(500).default(1),
  MinCount: int.min(1).optional(),
  ActionTimer: z
    .strictObject({
      TimerAction: text.optional(),
      ActionTime: text.optional(),
      Externals: z.looseObject({}).optional(),
    })
    .optional(),
  DisasterRecoverGroupIds: texts.optional(),
  UserData: text.optional(),
  DryRun: bool.optional(),
  CamRoleName: text.optional(),
  DedicatedClusterId: text.optional(),
  ChcIds: texts.optional(),
  PartitionNumber: int.optional(),
  DisableApiTermination: bool.optional(),
  EnableJumboFrame: bool.optional(),
});
export type RunInstances = z.output<typeof RunInstances>;

export const InquiryPriceRunInstances = z.strictObject({
  ...order,
  Placement: Placement,
  ImageId: text,
  InstanceCount: int.min(1).max(100).default(1),
});

const page = { Offset: int.min(0).default(0), Limit: int.min(1).max(100).default(20) };
const ids = texts.min(1);

export const DescribeInstances = z.strictObject({
  InstanceIds: texts.optional(),
  Filters: Filters.optional(),
  ...page,
});
export const DescribeInstancesStatus = z.strictObject({ InstanceIds: texts.optional(), ...page });
export const TerminateInstances = z.strictObject({
  InstanceIds: ids,
  ReleaseAddress: bool.optional(),
  ReleasePrepaidDataDisks: bool.optional(),
});
export const StartInstances = z.strictObject({ InstanceIds: ids });
export const StopInstances = z.strictObject({
  InstanceIds: ids,
  ForceStop: bool.optional(),
  StopType: z.enum(['SOFT', 'SOFT_FIRST', 'HARD']).optional(),
  StoppedMode: z.enum(['KEEP_CHARGING', 'STOP_CHARGING']).default('KEEP_CHARGING'),
});
export const RebootInstances = z.strictObject({
  InstanceIds: ids,
  ForceReboot: bool.optional(),
  StopType: z.enum(['SOFT', 'SOFT_FIRST', 'HARD']).optional(),
});
export const ModifyInstancesAttribute = z.strictObject({
  InstanceIds: ids,
  InstanceName: text.optional(),
  UserData: text.optional(),
  SecurityGroups: texts.optional(),
  CamRoleName: text.optional(),
  HostName: text.optional(),
  DisableApiTermination: bool.optional(),
  CamRoleType: text.optional(),
  AutoReboot: bool.optional(),
  EnableJumboFrame: bool.optional(),
});
export const DescribeInstancesAttributes = z.strictObject({ InstanceIds: ids, Attributes: texts.min(1) });
export const OnlyFilters = z.strictObject({ Filters: Filters.optional() });
export const Nothing = z.strictObject({});
export const DescribeImages = z.strictObject({
  ImageIds: texts.optional(),
  Filters: Filters.optional(),
  InstanceType: text.optional(),
  ...page,
});
export const CreateImage = z.strictObject({
  ImageName: text,
  InstanceId: text.optional(),
  ImageDescription: text.max(256).optional(),
  ForcePoweroff: text.optional(),
  Sysprep: text.optional(),
  DataDiskIds: texts.optional(),
  SnapshotIds: texts.optional(),
  DryRun: bool.optional(),
  TagSpecification: TagSpecification.optional(),
  ImageFamily: text.optional(),
});
export const DeleteImages = z.strictObject({
  ImageIds: ids,
  DeleteBindedSnap: bool.optional(),
  DryRun: bool.optional(),
});
export const ModifyResourceTags = z.strictObject({
  Resource: text,
  ReplaceTags: z.array(z.strictObject({ TagKey: text, TagValue: text })).optional(),
  DeleteTags: z.array(z.strictObject({ TagKey: text })).optional(),
});
export const TagResources = z.strictObject({
  ResourceList: z.array(text).min(1),
  Tags: z.array(z.strictObject({ TagKey: text, TagValue: text })).min(1),
});
