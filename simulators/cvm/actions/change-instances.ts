import { ApiError, invalid } from '../api-error.ts';
import { type Call, defineAction } from '../call.ts';
import { reboot, start, startOperation, stop, terminate } from '../lifecycle.ts';
import type { InstanceRecord, InstanceState } from '../model.ts';
import * as schemas from '../schemas.ts';
import { checkIds } from './filters.ts';
import { checkSecurityGroups } from './purchase.ts';
import { checkUserData } from './texts.ts';

/** `InstanceStatePending` and so on: how the state reads in error codes. */
const STATE_WORDS: Readonly<Record<InstanceState, string>> = {
  PENDING: 'Pending',
  LAUNCH_FAILED: 'LaunchFailed',
  RUNNING: 'Running',
  STOPPED: 'Stopped',
  STARTING: 'Starting',
  STOPPING: 'Stopping',
  REBOOTING: 'Rebooting',
  SHUTDOWN: 'Shutdown',
  TERMINATING: 'Terminating',
};

function wrongState(instance: InstanceRecord): ApiError {
  return new ApiError(
    `UnsupportedOperation.InstanceState${STATE_WORDS[instance.state]}`,
    `The instance \`${instance.id}\` in the ${instance.state} state does not support this operation.`,
    `实例\`${instance.id}\`处于${instance.state}状态，不支持该操作。`,
  );
}

/** Finds the instances that a call names; it need not wait until the list shows them. */
function find(call: Call, ids: readonly string[]): readonly InstanceRecord[] {
  checkIds('InstanceIds', ids);
  const unique = [...new Set(ids)];
  for (const id of unique) call.touched.add(id);
  return unique.map((id) => findOne(call, id));
}

function findOne(call: Call, id: string): InstanceRecord {
  const instance = call.world.instances.get(id);
  if (instance && instance.account === call.account.name && instance.region === call.region) return instance;
  throw new ApiError('InvalidInstanceId.NotFound', `The instance \`${id}\` does not exist.`, `实例\`${id}\`不存在。`);
}

/** Why an instance cannot be terminated, if it cannot. */
function objection(call: Call, instance: InstanceRecord): ApiError | undefined {
  if (instance.isProtected) {
    return new ApiError(
      'UnsupportedOperation.InstancesProtected',
      `The instance \`${instance.id}\` is under termination protection.`,
      `实例\`${instance.id}\`已开启销毁保护。`,
    );
  }
  const refused: InstanceState[] = ['PENDING', 'STARTING', 'STOPPING', 'REBOOTING', 'TERMINATING'];
  if (call.world.assumptions.terminateLaunchFailed === 'refused') refused.push('LAUNCH_FAILED');
  return refused.includes(instance.state) ? wrongState(instance) : undefined;
}

export const terminateInstances = defineAction(schemas.TerminateInstances, (call, request) => {
  const isPartial = call.world.assumptions.terminateBatch === 'partial';
  checkIds('InstanceIds', request.InstanceIds);
  const ids = [...new Set(request.InstanceIds)];
  for (const id of ids) call.touched.add(id);
  const errors: ApiError[] = [];
  const fine: InstanceRecord[] = [];
  for (const id of ids) {
    try {
      const instance = findOne(call, id);
      const error = objection(call, instance);
      if (error) errors.push(error);
      else fine.push(instance);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      errors.push(error);
    }
  }
  if (new Set(fine.map((instance) => instance.chargeType)).size > 1) {
    throw new ApiError(
      'UnsupportedOperation.InstanceMixedPricingModel',
      'Instances of different billing modes cannot be terminated in one call.',
      '不支持同时操作不同计费模式的实例。',
    );
  }
  if (errors[0] && !isPartial) throw errors[0];
  for (const instance of fine) {
    startOperation(instance, 'TerminateInstances', call.requestId);
    terminate(call.world, instance, 'terminate');
  }
  if (errors[0]) throw errors[0];
  return {};
});

export const startInstances = defineAction(schemas.StartInstances, (call, request) => {
  const instances = find(call, request.InstanceIds);
  for (const instance of instances) {
    if (instance.state !== 'STOPPED') throw wrongState(instance);
    if (instance.isolatedSource === 'ARREAR') {
      throw new ApiError(
        'InvalidAccount.InsufficientBalance',
        `The instance \`${instance.id}\` is isolated because of arrears.`,
        `实例\`${instance.id}\`因欠费被隔离。`,
      );
    }
  }
  for (const instance of instances) start(call.world, instance, call.requestId);
  return {};
});

export const stopInstances = defineAction(schemas.StopInstances, (call, request) => {
  const instances = find(call, request.InstanceIds);
  const isFree = request.StoppedMode === 'STOP_CHARGING';
  for (const instance of instances) {
    if (instance.state !== 'RUNNING') throw wrongState(instance);
    if (isFree && instance.chargeType === 'SPOTPAID') {
      throw new ApiError(
        'UnsupportedOperation.StoppedModeStopCharging',
        'Spot instances do not support no charges when shut down.',
        '竞价实例不支持关机不收费。',
      );
    }
  }
  for (const instance of instances) stop(call.world, instance, call.requestId, isFree);
  return {};
});

export const rebootInstances = defineAction(schemas.RebootInstances, (call, request) => {
  const instances = find(call, request.InstanceIds);
  for (const instance of instances) if (instance.state !== 'RUNNING') throw wrongState(instance);
  for (const instance of instances) reboot(call.world, instance, call.requestId);
  return {};
});

const MAX_NAME_CHARS = 60;

export const modifyInstancesAttribute = defineAction(schemas.ModifyInstancesAttribute, (call, request) => {
  const { InstanceIds: ids, InstanceName: name, ...others } = request;
  if (name === undefined && Object.values(others).every((value) => value === undefined)) {
    throw new ApiError(
      'MissingParameter.AtLeastOne',
      'At least one attribute to change must be given.',
      '至少需要指定一个要修改的属性。',
    );
  }
  if (name !== undefined && name.length > MAX_NAME_CHARS) {
    const code = 'InvalidInstanceName.TooLong';
    throw invalid(code, 'InstanceName', name, `at most ${MAX_NAME_CHARS} characters`, `最多${MAX_NAME_CHARS}个字符`);
  }
  checkUserData(request.UserData);
  checkSecurityGroups(call, request.SecurityGroups ?? []);
  const instances = find(call, ids);
  for (const instance of instances) {
    if (['PENDING', 'LAUNCH_FAILED', 'TERMINATING', 'SHUTDOWN'].includes(instance.state)) throw wrongState(instance);
  }
  for (const instance of instances) {
    if (name !== undefined) instance.name = name;
    if (request.UserData !== undefined) instance.userData = request.UserData;
    if (request.SecurityGroups) instance.securityGroupIds = request.SecurityGroups;
    if (request.CamRoleName !== undefined) instance.camRole = request.CamRoleName || undefined;
    if (request.DisableApiTermination !== undefined) instance.isProtected = request.DisableApiTermination;
    if (request.HostName === undefined) continue;
    instance.hostName = request.HostName;
    if (instance.state === 'RUNNING') reboot(call.world, instance, call.requestId);
  }
  return {};
});
