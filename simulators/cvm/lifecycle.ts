import { accountOf, charge, costOf, onArrears, totalOf, watchBalance } from './billing.ts';
import type { InstanceRecord, InstanceState } from './model.ts';
import { between } from './random.ts';
import { changeStock, type Span, stockOf, type World } from './world.ts';

const DAY_MS = 86_400_000;
/** Machines shut down for arrears are released after this. */
const ARREARS_KEPT_MS = 15 * DAY_MS;
const RECYCLE_BIN_MS = 2 * 3_600_000;

/** Why an instance changed; the `cause` of journal entries. */
export type Cause =
  | 'run'
  | 'launch-failed'
  | 'terminate'
  | 'reclaim'
  | 'action-timer'
  | 'arrears'
  | 'start'
  | 'stop'
  | 'reboot';

/** Puts a new instance into the world and lets it come up. */
export function launch(world: World, instance: InstanceRecord): void {
  world.instances.set(instance.id, instance);
  world.journal.add({ kind: 'event', event: 'instance', id: instance.id, from: 'ABSENT', to: 'PENDING', cause: 'run' });
  const subnet = world.subnets.get(instance.subnetId);
  if (subnet) subnet.free -= 1;
  charge(world, instance, totalOf(instance.price));
  const fails = drawLaunchFailure(world);
  later(world, instance, world.timing.pending, () => {
    if (fails === undefined) void comeUp(world, instance, 'run');
    else failLaunch(world, instance, fails);
  });
}

function drawLaunchFailure(world: World): string | undefined {
  const isUnlucky = world.random() * 100 < world.assumptions.launchFailedPercent;
  if (world.failLaunches.left > 0) {
    world.failLaunches.left -= 1;
    return world.failLaunches.message;
  }
  return isUnlucky ? 'The instance could not be created because of an internal error of the host.' : undefined;
}

function failLaunch(world: World, instance: InstanceRecord, message: string): void {
  setState(world, instance, 'LAUNCH_FAILED', 'launch-failed');
  finishOperation(instance, message);
  // The cloud gives the money of a machine that never came up back.
  instance.charges = [];
  giveBack(world, instance);
  watchBalance(world, accountOf(world, instance));
  later(world, instance, world.timing.launchFailed, () => vanish(world, instance, 'launch-failed'));
}

async function comeUp(world: World, instance: InstanceRecord, cause: Cause): Promise<void> {
  const { turn } = instance;
  let address: string;
  try {
    address = await world.machines.up(instance, world.images.get(instance.imageId));
  } catch (error) {
    if (instance.turn === turn) failLaunch(world, instance, error instanceof Error ? error.message : String(error));
    return;
  }
  if (instance.turn !== turn) {
    world.machines.down(instance);
    return;
  }
  instance.address = address;
  setState(world, instance, 'RUNNING', cause);
  finishOperation(instance);
  if (cause === 'run') drawReclaim(world, instance);
}

/** Whether the machine still belongs to somebody: not failed, not on its way out. */
export function isAlive(instance: InstanceRecord): boolean {
  return instance.endedAt === undefined && instance.state !== 'LAUNCH_FAILED';
}

/** Releases an instance as TerminateInstances does. */
export function terminate(
  world: World,
  instance: InstanceRecord,
  cause: 'terminate' | 'action-timer' | 'arrears',
): void {
  const wasFailed = instance.state === 'LAUNCH_FAILED';
  end(world, instance, cause);
  if (!wasFailed) giveBack(world, instance);
  const leave = (): void => {
    setState(world, instance, 'TERMINATING', cause);
    later(world, instance, world.timing.terminating, () => vanish(world, instance, cause));
  };
  if (world.assumptions.hourlyTerminate === 'recycle-bin' && instance.chargeType === 'POSTPAID_BY_HOUR') {
    setState(world, instance, 'SHUTDOWN', cause);
    later(world, instance, [RECYCLE_BIN_MS, RECYCLE_BIN_MS], leave);
  } else leave();
}

export interface ReclaimOptions {
  /** How long ahead the metadata shows it; default two minutes, 0: no notice. */
  readonly noticeMs?: number;
  /** How long before the end the machine already stops answering. */
  readonly machineStopsEarlyMs?: number;
}

const NOTICE_MS = 120_000;

/** The cloud takes a spot machine back. @throws {Error} when there is nothing to reclaim */
export function reclaim(world: World, instance: InstanceRecord, options: ReclaimOptions = {}): void {
  if (instance.chargeType !== 'SPOTPAID')
    throw new Error(`${instance.id} is not a spot instance: it cannot be reclaimed`);
  if (!isAlive(instance)) throw new Error(`${instance.id} is ${instance.state}: there is nothing to reclaim`);
  const noticeMs = options.noticeMs ?? NOTICE_MS;
  const at = world.clock.now() + noticeMs;
  const whileAlive = (run: () => void) => () => {
    if (isAlive(instance) && instance.terminationTime === at) run();
  };
  instance.terminationTime = at;
  world.journal.add({ kind: 'event', event: 'notice', id: instance.id, detail: new Date(at).toISOString() });
  const earlyMs = options.machineStopsEarlyMs ?? 0;
  if (earlyMs > 0)
    world.after(
      noticeMs - earlyMs,
      whileAlive(() => world.machines.down(instance)),
    );
  const take = whileAlive(() => takeBack(world, instance));
  if (noticeMs > 0) world.after(noticeMs, take);
  else take();
}

function takeBack(world: World, instance: InstanceRecord): void {
  end(world, instance, 'reclaim');
  const subnet = world.subnets.get(instance.subnetId);
  if (subnet) subnet.free += 1;
  if (world.assumptions.reclaimed === 'vanishes') {
    vanish(world, instance, 'reclaim');
    return;
  }
  if (world.assumptions.reclaimOperation === 'TerminateInstances') {
    startOperation(instance, 'TerminateInstances', '');
  }
  setState(world, instance, 'TERMINATING', 'reclaim');
  later(world, instance, world.timing.reclaimed, () => vanish(world, instance, 'reclaim'));
}

/** Sets the rate of reclaims and draws anew when each running spot machine will be taken. */
export function setReclaimRate(world: World, perHour: number): void {
  world.reclaimsPerHour = perHour;
  world.reclaimTurn += 1;
  for (const instance of world.instances.values()) {
    if (instance.state === 'RUNNING') drawReclaim(world, instance);
  }
}

function drawReclaim(world: World, instance: InstanceRecord): void {
  if (world.reclaimsPerHour <= 0 || instance.chargeType !== 'SPOTPAID') return;
  const turn = world.reclaimTurn;
  const lifetimeMs = (-Math.log(1 - world.random()) / world.reclaimsPerHour) * 3_600_000;
  world.after(lifetimeMs, () => {
    const isFree = isAlive(instance) && instance.terminationTime === undefined;
    if (world.reclaimTurn === turn && isFree) reclaim(world, instance);
  });
}

export function stop(world: World, instance: InstanceRecord, requestId: string, isFree: boolean): void {
  startOperation(instance, 'StopInstances', requestId);
  setState(world, instance, 'STOPPING', 'stop');
  world.machines.down(instance);
  later(world, instance, world.timing.stopping, () => {
    instance.stopChargingMode = isFree ? 'STOP_CHARGING' : 'KEEP_CHARGING';
    // Only processor, memory and GPU stop costing; the disks go on.
    if (isFree) charge(world, instance, instance.price.disks);
    setState(world, instance, 'STOPPED', 'stop');
    finishOperation(instance);
  });
}

export function start(world: World, instance: InstanceRecord, requestId: string): void {
  startOperation(instance, 'StartInstances', requestId);
  setState(world, instance, 'STARTING', 'start');
  later(world, instance, world.timing.starting, () => {
    if (instance.stopChargingMode === 'STOP_CHARGING') charge(world, instance, totalOf(instance.price));
    instance.stopChargingMode = 'NOT_APPLICABLE';
    void comeUp(world, instance, 'start');
  });
}

export function reboot(world: World, instance: InstanceRecord, requestId: string): void {
  startOperation(instance, 'RebootInstances', requestId);
  setState(world, instance, 'REBOOTING', 'reboot');
  world.machines.down(instance);
  later(world, instance, world.timing.rebooting, () => void comeUp(world, instance, 'reboot'));
}

/** Connects the billing's arrears with the machines. */
export function handleArrears(world: World): void {
  onArrears(world, {
    isolate(instance) {
      if (!isAlive(instance)) return;
      world.machines.down(instance);
      instance.restrictState = 'PROTECTIVELY_ISOLATED';
      instance.isolatedSource = 'ARREAR';
      for (const open of instance.charges) open.to ??= world.clock.now();
      setState(world, instance, 'STOPPED', 'arrears');
      later(world, instance, [ARREARS_KEPT_MS, ARREARS_KEPT_MS], () => terminate(world, instance, 'arrears'));
    },
    restore(instance) {
      instance.restrictState = 'NORMAL';
      instance.isolatedSource = 'NOTISOLATED';
      instance.turn += 1;
      charge(world, instance, totalOf(instance.price));
    },
  });
}

export function startOperation(instance: InstanceRecord, operation: string, requestId: string): void {
  instance.operation = operation;
  instance.operationState = 'OPERATING';
  instance.operationRequestId = requestId;
  instance.operationError = undefined;
}

function finishOperation(instance: InstanceRecord, error?: string): void {
  instance.operationState = error === undefined ? 'SUCCESS' : 'FAILED';
  instance.operationError = error;
}

function end(world: World, instance: InstanceRecord, cause: Cause): void {
  instance.endedAt = world.clock.now();
  instance.endCause = cause;
  world.machines.down(instance);
  charge(world, instance, 0);
}

/**
 * Address and machine return to the pool. While a zone is sold out a machine that is released goes to whoever has waited
 * longest, not back to us: stock 0 stays 0 until it is set.
 */
function giveBack(world: World, instance: InstanceRecord): void {
  const subnet = world.subnets.get(instance.subnetId);
  if (subnet) subnet.free += 1;
  const offer = world.offers.get(`${instance.zone}/${instance.type.instanceType}`);
  if (!offer) return;
  const left = stockOf(offer, instance.chargeType);
  if (left > 0) changeStock(world, offer, instance.chargeType, left + 1);
}

function vanish(world: World, instance: InstanceRecord, cause: Cause): void {
  const now = world.clock.now();
  setState(world, instance, 'ABSENT', cause);
  instance.absentAt = now;
  instance.endedAt ??= now;
  instance.endCause ??= cause;
  world.instances.delete(instance.id);
  world.gone.push(instance);
  accountOf(world, instance).credit -= costOf(instance, now);
}

function setState(world: World, instance: InstanceRecord, to: InstanceState | 'ABSENT', cause: Cause): void {
  world.journal.add({ kind: 'event', event: 'instance', id: instance.id, from: instance.state, to, cause });
  instance.turn += 1;
  if (to !== 'ABSENT') instance.state = to;
}

/** Runs after a drawn delay, unless the instance has changed its state by then. */
function later(world: World, instance: InstanceRecord, span: Span, run: () => void): void {
  const { turn } = instance;
  world.after(between(world.random, span), () => {
    if (instance.turn === turn) run();
  });
}
