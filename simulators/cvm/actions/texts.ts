import { ApiError, invalid } from '../api-error.ts';
import type { Call } from '../call.ts';
import type { RunInstances } from '../schemas.ts';
import type { Purchase } from './purchase.ts';

const MAX_NAME_CHARS = 128;
const MAX_USER_DATA_BYTES = 16 * 1024;
/** A scheduled action must be at least this far ahead. */
const MIN_TIMER_MS = 5 * 60_000;

/** Checks what a request says in words: names, user data, tags, timer. @throws {ApiError} */
export function checkTexts(call: Call, request: RunInstances, purchase: Purchase): void {
  if ((request.InstanceName ?? '').length > MAX_NAME_CHARS) {
    throw new ApiError(
      'InvalidInstanceName.TooLong',
      `The InstanceName is longer than ${MAX_NAME_CHARS} characters.`,
      `实例名称超过${MAX_NAME_CHARS}个字符。`,
    );
  }
  const host = request.HostName;
  if (host !== undefined && !/^(?=.{2,60}$)[A-Za-z0-9]+([.-][A-Za-z0-9]+)*$/.test(host)) {
    const code = 'InvalidParameterValue.IllegalHostName';
    throw invalid(
      code,
      'HostName',
      host,
      '2 to 60 letters, digits, dots and hyphens',
      '应为2到60个字母、数字、点或连字符',
    );
  }
  checkUserData(request.UserData);
  if (request.UserData !== undefined && !purchase.image.isCloudInit) {
    throw invalid(
      'InvalidParameterValue.NotSupported',
      'UserData',
      '...',
      'the image lacks cloud-init',
      '镜像不支持cloud-init',
    );
  }
  checkTags(request);
  checkTimer(call, request, purchase);
  const addresses = request.VirtualPrivateCloud?.PrivateIpAddresses;
  if (addresses && addresses.length !== request.InstanceCount) {
    const field = 'VirtualPrivateCloud.PrivateIpAddresses';
    throw invalid('InvalidParameterValue', field, addresses, 'one for each instance', '数量应与InstanceCount一致');
  }
}

/** Checks that user data is base64 and not too long. */
export function checkUserData(data: string | undefined): void {
  if (data === undefined) return;
  const isBase64 = data.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(data);
  if (!isBase64) {
    const code = 'InvalidParameterValue.InvalidUserDataFormat';
    throw new ApiError(code, 'The parameter `UserData` is not in base64.', '参数`UserData`不是base64格式。');
  }
  if (Buffer.byteLength(data, 'base64') > MAX_USER_DATA_BYTES) {
    const code = 'InvalidParameterValue.TooLong';
    throw new ApiError(code, 'The parameter `UserData` is longer than 16 KB.', '参数`UserData`超过16KB。');
  }
}

function checkTags(request: RunInstances): void {
  const keys = new Set<string>();
  for (const { Tags: tags, ResourceType: kind } of request.TagSpecification ?? []) {
    if (kind !== 'instance') {
      throw invalid(
        'InvalidParameterValue',
        'TagSpecification.ResourceType',
        kind,
        'it must be instance',
        '应为instance',
      );
    }
    for (const { Key: key } of tags) {
      if (/^qcs:/i.test(key) || ['project', '项目'].includes(key)) {
        throw new ApiError(
          'FailedOperation.TagKeyReserved',
          `The tag key \`${key}\` is reserved.`,
          `标签键\`${key}\`为系统保留。`,
        );
      }
      if (key === '' || key.length > 127) {
        const code = 'FailedOperation.IllegalTagKey';
        throw new ApiError(code, `The tag key \`${key}\` is illegal.`, `标签键\`${key}\`不合法。`);
      }
      if (keys.has(key)) {
        const code = 'InvalidParameterValue.DuplicateTags';
        throw new ApiError(code, `The tag key \`${key}\` is given twice.`, `标签键\`${key}\`重复。`);
      }
      keys.add(key);
    }
  }
}

function checkTimer(call: Call, request: RunInstances, purchase: Purchase): void {
  const timer = request.ActionTimer;
  if (!timer) return;
  if (timer.TimerAction !== 'TerminateInstances') {
    const field = 'ActionTimer.TimerAction';
    throw invalid(
      'InvalidParameterValue',
      field,
      timer.TimerAction,
      'it must be TerminateInstances',
      '仅支持TerminateInstances',
    );
  }
  if (purchase.chargeType === 'SPOTPAID' && call.world.assumptions.spotActionTimer === 'refused') {
    throw new ApiError(
      'UnsupportedOperation.NotSupportImportInstancesActionTimer',
      'Spot instances cannot have a scheduled action.',
      '竞价实例不支持定时任务。',
    );
  }
  const at = Date.parse(timer.ActionTime ?? '');
  if (!(at > call.world.clock.now() + MIN_TIMER_MS)) {
    const code = 'InvalidParameterValue.InvalidTimeFormat';
    throw invalid(
      code,
      'ActionTimer.ActionTime',
      timer.ActionTime,
      'UTC, more than 5 minutes ahead',
      '应为UTC时间且晚于当前5分钟以上',
    );
  }
}
