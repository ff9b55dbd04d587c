import { ApiError, invalid } from '../api-error.ts';
import { balanceOf } from '../billing.ts';
import { type Call, defineAction } from '../call.ts';
import type { ImageRecord, InstanceRecord } from '../model.ts';
import { between, letters } from '../random.ts';
import * as schemas from '../schemas.ts';
import { IMAGE_QUOTA, imagesUsed } from './catalogue.ts';
import { checkIds, passes, readFilters } from './filters.ts';

const MAX_NAME_CHARS = 60;

function visible(call: Call): readonly ImageRecord[] {
  return [...call.world.images.values()].filter(
    (image) => image.region === call.region && (image.account ?? call.account.name) === call.account.name,
  );
}

export const describeImages = defineAction(schemas.DescribeImages, (call, request) => {
  const { ImageIds: ids, InstanceType: instanceType } = request;
  if (ids?.length && request.Filters?.length) {
    throw new ApiError(
      'InvalidParameterCombination',
      'The parameters `ImageIds` and `Filters` cannot be given together.',
      '参数`ImageIds`与`Filters`不能同时指定。',
    );
  }
  for (const id of ids ?? []) checkImageId(id);
  const wanted = readFilters<ImageRecord>(request.Filters ?? [], {
    'image-id': (image) => [image.id],
    'image-type': (image) => [image.type],
    'image-name': { matches: (image, value) => image.name.includes(value) },
    platform: { matches: (image, value) => image.platform.includes(value) },
    'tag-key': (image) => image.tags.map((tag) => tag.Key),
    'tag-value': (image) => image.tags.map((tag) => tag.Value),
    'tag:': {
      matches: (image, value, key) => image.tags.some((tag) => tag.Key === key && tag.Value === value),
    },
  });
  const found = visible(call)
    .filter((image) => !ids?.length || ids.includes(image.id))
    .filter((image) => !instanceType || !image.unsuitedTypes?.includes(instanceType))
    .filter((image) => passes(image, wanted));
  return {
    TotalCount: found.length,
    ImageSet: found.slice(request.Offset, request.Offset + request.Limit).map(toRow),
  };
});

function toRow(image: ImageRecord): object {
  return {
    ImageId: image.id,
    OsName: image.osName,
    ImageType: image.type,
    CreatedTime: `${new Date(image.createdAt).toISOString().slice(0, 19)}Z`,
    ImageName: image.name,
    ImageDescription: image.description,
    ImageSize: image.sizeGiB,
    Architecture: 'x86_64',
    ImageState: image.state,
    Platform: image.platform,
    ImageCreator: image.account ?? '',
    ImageSource: image.type === 'PUBLIC_IMAGE' ? 'OFFICIAL' : 'CREATE_IMAGE',
    SyncPercent: null,
    IsSupportCloudinit: image.isCloudInit,
    SnapshotSet: image.snapshots.map((snapshot) => ({
      SnapshotId: snapshot.id,
      DiskUsage: snapshot.usage,
      DiskSize: snapshot.sizeGiB,
    })),
    Tags: image.tags,
    LicenseType: 'TencentCloud',
    ImageFamily: image.family ?? null,
    ImageDeprecated: false,
  };
}

function checkImageId(id: string): void {
  if (/^img-[a-z0-9]{8}$/.test(id)) return;
  throw invalid('InvalidImageId.Malformed', 'ImageIds', id, 'ids look like img-xxxxxxxx', '格式应为img-xxxxxxxx');
}

export const createImage = defineAction(schemas.CreateImage, (call, request) => {
  const { world, account } = call;
  if (request.ImageName.length > MAX_NAME_CHARS || request.ImageName === '') {
    const code = 'InvalidParameterValue.TooLong';
    throw invalid(
      code,
      'ImageName',
      request.ImageName,
      `1 to ${MAX_NAME_CHARS} characters`,
      `1到${MAX_NAME_CHARS}个字符`,
    );
  }
  const isFromInstance = request.InstanceId !== undefined;
  if (isFromInstance === (request.SnapshotIds ?? []).length > 0) {
    throw new ApiError(
      'InvalidParameterCombination',
      'Exactly one of `InstanceId` and `SnapshotIds` must be given.',
      '必须且只能指定`InstanceId`与`SnapshotIds`之一。',
    );
  }
  const source = isFromInstance ? fromInstance(call, request.InstanceId ?? '') : fromSnapshots(call, request);
  if (visible(call).some((image) => image.name === request.ImageName)) {
    const code = 'InvalidImageName.Duplicate';
    throw new ApiError(
      code,
      `The image name \`${request.ImageName}\` exists.`,
      `镜像名称\`${request.ImageName}\`已存在。`,
    );
  }
  if (imagesUsed(call) >= IMAGE_QUOTA) {
    const code = 'ImageQuotaLimitExceeded';
    throw new ApiError(
      code,
      `The quota of ${IMAGE_QUOTA} images is used up.`,
      `自定义镜像配额${IMAGE_QUOTA}个已用完。`,
    );
  }
  if (balanceOf(world, account) < 0) {
    const code = 'InvalidAccount.InsufficientBalance';
    throw new ApiError(code, 'The account balance is insufficient.', '账户余额不足。');
  }
  if (request.DryRun) return {};
  const { base, sizeGiB } = source;
  const image: ImageRecord = {
    ...base,
    id: `img-${letters(world.random, 8)}`,
    account: account.name,
    name: request.ImageName,
    description: request.ImageDescription ?? '',
    type: 'PRIVATE_IMAGE',
    sizeGiB,
    createdAt: world.clock.now(),
    ...(request.ImageFamily === undefined ? {} : { family: request.ImageFamily }),
    tags: (request.TagSpecification ?? []).flatMap((specification) => specification.Tags),
    state: 'CREATING',
    snapshots: [],
  };
  world.images.set(image.id, image);
  world.after(between(world.random, world.timing.image), () => {
    image.state = 'NORMAL';
    image.snapshots = [{ id: `snap-${letters(world.random, 8)}`, usage: 'SYSTEM_DISK', sizeGiB }];
  });
  return { ImageId: image.id };
});

interface ImageSource {
  readonly base: ImageRecord;
  readonly sizeGiB: number;
}

function fromInstance(call: Call, id: string): ImageSource {
  checkIds('InstanceId', [id]);
  call.touched.add(id);
  const instance: InstanceRecord | undefined = call.world.instances.get(id);
  const base = call.world.images.get(instance?.imageId ?? '');
  if (!instance || !base || instance.account !== call.account.name || instance.region !== call.region) {
    throw new ApiError('InvalidInstanceId.NotFound', `The instance \`${id}\` does not exist.`, `实例\`${id}\`不存在。`);
  }
  if (instance.state !== 'RUNNING' && instance.state !== 'STOPPED') {
    throw new ApiError(
      'OperationDenied.InstanceOperationInProgress',
      `The instance \`${id}\` is ${instance.state}; try again later.`,
      `实例\`${id}\`处于${instance.state}状态，请稍后重试。`,
    );
  }
  return { base, sizeGiB: instance.systemDisk.sizeGiB };
}

function fromSnapshots(call: Call, request: { SnapshotIds?: string[] | undefined }): ImageSource {
  for (const id of request.SnapshotIds ?? []) {
    const base = visible(call).find((image) => image.snapshots.some((snapshot) => snapshot.id === id));
    if (base) return { base, sizeGiB: base.sizeGiB };
  }
  const code = 'InvalidSnapshotId.NotFound';
  throw invalid(code, 'SnapshotIds', request.SnapshotIds, 'the snapshot does not exist', '快照不存在');
}

export const deleteImages = defineAction(schemas.DeleteImages, (call, request) => {
  for (const id of request.ImageIds) {
    checkImageId(id);
    const image = visible(call).find((candidate) => candidate.id === id);
    if (!image)
      throw new ApiError('InvalidImageId.NotFound', `The image \`${id}\` does not exist.`, `镜像\`${id}\`不存在。`);
    if (image.type !== 'PRIVATE_IMAGE') {
      throw new ApiError(
        'UnauthorizedOperation.ImageNotBelongToAccount',
        `The image \`${id}\` does not belong to this account.`,
        `镜像\`${id}\`不属于当前账号。`,
      );
    }
    if (image.state === 'CREATING') {
      const code = 'InvalidImageId.IncorrectState';
      throw new ApiError(code, `The image \`${id}\` is being created.`, `镜像\`${id}\`正在创建中。`);
    }
  }
  if (!request.DryRun) for (const id of request.ImageIds) call.world.images.delete(id);
  return {};
});
