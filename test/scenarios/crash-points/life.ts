import { defaultWorld } from '../../../simulators/cvm/default-world.ts';
import type { CallEntry, JournalEntry } from '../../../simulators/cvm/journal.ts';
import type { WorldSpec } from '../../../simulators/cvm/model.ts';
import { createRandom, type Random } from '../../../simulators/cvm/random.ts';
import { poolManifest } from '../../builders/pool-manifest.ts';
import { settledBy } from './bound.ts';
import { counts, createLedger, isAlive, judgeEnd, type Ledger, type Wish } from './judge.ts';
import { type CrashPlan, createReaper, type Hits, type Point } from './points.ts';
import { settleStrangers } from './strangers.ts';
import { blow, drawGust, drawWorld, type Gust, lostAnswer } from './weather.ts';
import { type CrashWorld, openCrashWorld, type Sabotage } from './world.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const STEP_MS = 5 * SECOND;
const MAXIMUM = 3;
const POLL_MS = 45 * SECOND;
const DRAIN_MS = 5 * SECOND;
const OURS = { secretId: 'AKIDoperatoroperator', secretKey: 'secret-of-the-operator' } as const;
const OTHERS = { secretId: 'AKIDsomebodysomebody', secretKey: 'secret-of-somebody' } as const;
const OFFER = ['ap-singapore-2', 'GN7.2XLARGE32', 'SPOTPAID'] as const;
const STOCK = 20;
const IMAGE = 'img-5gn3j31i';
const OTHER_IMAGE = 'img-9c4k2m7p';
/** How long a machine takes from its start until it answers; of the simulated images. */
const BOOT_MS = 20 * SECOND;
/** More than any life needs that comes to rest between two polls. */
const MOST_POINTS = 20_000;
/** An object that is gone must be forgotten by then: lists show machines on their way out for a while. */
const FORGOTTEN_WITHIN_MS = 20 * MINUTE;

/** How a life went. */
export interface Outcome {
  /** What went wrong, in words; empty: nothing. */
  readonly damage: readonly string[];
  readonly deaths: readonly Point[];
  readonly passed: number;
  readonly passedOf: Readonly<Hits>;
  readonly simulatedMs: number;
  readonly bought: number;
  /** The cloud's journal and the operator's last lines, when something went wrong. */
  readonly story: readonly string[];
}

export interface LifeOptions {
  readonly seed: number;
  readonly plan: CrashPlan;
  readonly sabotage?: Sabotage | undefined;
  /** Without faults, and under the documented readings. */
  readonly isCalm?: boolean;
  /** Whether the story is told of a life in which nothing went wrong, too. */
  readonly isTold?: boolean;
}

/** Something that happens to the pool, and how many machines it must have when it has settled. */
interface Step {
  readonly name: string;
  readonly machines: number;
  /** What a person or the cloud does. */
  readonly act?: (life: Running) => Promise<void>;
  /** What was done to the cloud and is over with the faults. */
  readonly undo?: (life: Running) => void;
  /** At least so long lasts what `act` has begun. */
  readonly lastsMs?: number;
}

interface Running {
  readonly world: CrashWorld;
  readonly ledger: Ledger;
  readonly random: Random;
  /** Of the manifest as it stands. */
  spec: Readonly<Record<string, unknown>>;
}

const STEPS: readonly Step[] = [
  { name: 'create', machines: 2, act: (life) => change(life, drawLimits(life.random)) },
  { name: 'lose a machine', machines: 2, act: (life) => lose(life) },
  {
    name: 'sold out',
    machines: 2,
    lastsMs: 70 * SECOND,
    act: async (life) => {
      life.world.simulator.setStock(...OFFER, 0);
      await lose(life);
    },
    undo: ({ world }) => world.simulator.setStock(...OFFER, STOCK),
  },
  {
    name: 'unknown outcome',
    machines: 2,
    lastsMs: 65 * SECOND,
    act: async (life) => {
      life.world.simulator.addFault(lostAnswer(life.random));
      await lose(life);
    },
  },
  { name: 'scale up', machines: 3, act: (life) => scale(life, 3) },
  { name: 'scale down', machines: 1, act: (life) => scale(life, 1) },
  {
    name: 'change the spec',
    machines: 2,
    act: (life) => change(life, { minimum: 2, replicas: 2, ...newSpec(life.random) }),
  },
  { name: 'delete', machines: 0, act: remove },
];

/** Lives one life of a pool, cut off as `plan` says, and judges it. The same seed and plan give the same life. */
export async function liveOnce({
  seed,
  plan,
  sabotage,
  isCalm = false,
  isTold = false,
}: LifeOptions): Promise<Outcome> {
  const random = createRandom(seed);
  const drawn = drawWorld(random);
  const reaper = createReaper(plan);
  const world = await openCrashWorld({
    seed,
    reaper,
    sabotage,
    simulator: {
      ...(isCalm ? {} : drawn),
      world: worldSpec(),
      accounts: [{ name: 'account', keys: [OURS, OTHERS], spotQuotaCores: 1000 }],
    },
  });
  const wishes: Wish[] = [];
  const ledger = createLedger({ key: OURS.secretId, maximum: MAXIMUM, wishes });
  const life: Running = { world, ledger, random, spec: {} };
  const start = world.clock.now();
  const trouble: string[] = [];
  try {
    await settleStrangers(world.simulator, world.installationId, OTHERS);
    await world.start();
    for (const step of STEPS) {
      const gust = isCalm ? CALM : drawGust(random);
      wishes.push({ at: world.clock.now(), machines: step.machines });
      trouble.push(...(await takeStep(life, step, gust)));
      if (reaper.passed > MOST_POINTS) throw new Error('the operator does not come to rest');
    }
    trouble.push(...(await outlive(life)), ...judgeEnd(ledger, world.simulator.state()));
    ledger.read(world.simulator.journal.entries);
    const damage = [...ledger.damage, ...trouble];
    const { deaths, passed, passedOf } = reaper;
    return {
      damage,
      deaths,
      passed,
      passedOf,
      simulatedMs: world.clock.now() - start,
      bought: ledger.machines.size,
      story: damage.length === 0 && !isTold ? [] : storyOf(world),
    };
  } finally {
    reaper.stop();
    await world.close();
  }
}

const CALM: Gust = { faults: [], shortLists: 0, failedLaunches: 0, lastsMs: 0 };

/** @returns what is wrong when the pool has not settled in time */
async function takeStep(life: Running, step: Step, gust: Gust): Promise<readonly string[]> {
  const { world, ledger } = life;
  const { clock, simulator } = world;
  const end = blow(simulator, gust);
  await step.act?.(life);
  const calmAt = clock.now() + Math.max(gust.lastsMs, step.lastsMs ?? 0);
  while (clock.now() < calmAt) await pass(life);
  end();
  step.undo?.(life);
  let disturbedAt = clock.now();
  let due = 0;
  for (;;) {
    if (await revive(life)) disturbedAt = clock.now();
    ledger.read(simulator.journal.entries);
    if (hasSettled(life, step.machines)) return [];
    disturbedAt = Math.max(disturbedAt, lastDisturbance(life));
    // A wait that was running goes on to count when it is over.
    const moment = { disturbedAt, wanted: step.machines, ...promisesOf(life) };
    due = Math.max(due, settledBy(simulator.journal.entries, ledger, moment));
    if (clock.now() > due) return [lateness(life, step, disturbedAt, due)];
    await pass(life);
  }
}

function lateness({ world, ledger }: Running, { name, machines }: Step, disturbedAt: number, due: number): string {
  const here = [...ledger.machines.values()].filter(isAlive).map(({ id, state }) => `${id} ${state}`);
  const time = (at: number): string => new Date(at).toISOString();
  const waited = Math.round((world.clock.now() - disturbedAt) / SECOND);
  return (
    `not settled: "${name}" wants ${machines}, there are ${here.length} (${here.join(', ')}) ` +
    `${waited} s after the last disturbance at ${time(disturbedAt)}; due ${time(due)}`
  );
}

/** Lets a moment pass, with an operator if there is one to be had. */
async function pass(life: Running): Promise<void> {
  await revive(life);
  await life.world.advance(STEP_MS);
}

/** Starts the next operator when one has died. @returns whether it did */
async function revive({ world, random }: Running): Promise<boolean> {
  if (!world.isDead) return false;
  while (world.isDead) {
    await world.advance(random() < 0.7 ? SECOND : Math.round(random() * 60 * SECOND));
    await world.start();
  }
  return true;
}

/** Until the pool's object is gone and everything has been quiet for a while. */
async function outlive(life: Running): Promise<readonly string[]> {
  const { world } = life;
  const until = world.clock.now() + FORGOTTEN_WITHIN_MS;
  while (world.pool()) {
    if (world.clock.now() > until) return ['not settled: the deletion does not end'];
    await pass(life);
  }
  const quietUntil = world.clock.now() + 3 * POLL_MS;
  while (world.clock.now() < quietUntil) await pass(life);
  return [];
}

function hasSettled({ world, ledger }: Running, wanted: number): boolean {
  if (world.isDead || world.simulator.hanging > 0) return false;
  const here = [...ledger.machines.values()].filter(counts);
  return (
    here.length === wanted && here.every(({ ranAt = Number.POSITIVE_INFINITY }) => ranAt + BOOT_MS <= world.clock.now())
  );
}

/** When the cloud last did something that nobody asked it for. */
function lastDisturbance({ world, ledger }: Running): number {
  const { clock, simulator } = world;
  if (simulator.hanging > 0) return clock.now();
  const { entries } = simulator.journal;
  const isOne = (entry: JournalEntry): boolean =>
    entry.kind === 'call'
      ? entry.fault !== undefined || isStale(entry, entries)
      : entry.event === 'instance' &&
        (entry.cause === 'reclaim' || entry.to === 'LAUNCH_FAILED') &&
        ledger.machines.has(entry.id);
  return entries.findLast(isOne)?.at ?? 0;
}

/** A refusal that the cloud has remembered with its token, and repeats although the reason may be gone. */
function isStale(call: CallEntry, entries: readonly JournalEntry[]): boolean {
  if (call.action !== 'RunInstances' || call.result === 'ok' || call.clientToken === '') return false;
  return entries.some(
    (earlier) =>
      earlier.kind === 'call' &&
      earlier.seq < call.seq &&
      earlier.clientToken === call.clientToken &&
      earlier.result === call.result,
  );
}

function promisesOf({ spec }: Running) {
  const { imageId = IMAGE, limits = {} } = spec as { imageId?: string; limits?: { launchesPerHour?: number } };
  return {
    pollMs: POLL_MS,
    drainMs: DRAIN_MS,
    maximum: MAXIMUM,
    launchesPerHour: limits.launchesPerHour ?? 3 * MAXIMUM,
    imageId,
    comeUpMs: 25 * SECOND + 20 * SECOND + BOOT_MS,
  };
}

async function change(life: Running, spec: Readonly<Record<string, unknown>>): Promise<void> {
  life.spec = { ...BASE, ...life.spec, ...spec };
  life.world.write(poolManifest('pool', life.spec));
}

const BASE = {
  ...OURS,
  minimum: 1,
  maximum: MAXIMUM,
  replicas: 2,
  checkInterval: `${POLL_MS / SECOND}s`,
  drain: { timeout: `${DRAIN_MS / SECOND}s` },
} as const;

/** The default one, with another release of the image. */
function worldSpec(): WorldSpec {
  const world = defaultWorld();
  const others = world.images.filter(({ id }) => id === IMAGE).map((image) => ({ ...image, id: OTHER_IMAGE }));
  return { ...world, images: [...world.images, ...others] };
}

/** The limit that the pool's size gives makes some lives wait for an hour; the others need not. */
function drawLimits(random: Random): Readonly<Record<string, unknown>> {
  return random() < 0.15 ? {} : { limits: { launchesPerHour: 100 } };
}

/** What makes the machines that are there outdated. */
function newSpec(random: Random): Readonly<Record<string, unknown>> {
  return random() < 0.05 ? { imageId: OTHER_IMAGE } : { instance: { tags: { release: 'second' } } };
}

async function lose({ world, ledger, random }: Running): Promise<void> {
  const victim = [...ledger.machines.values()].find(counts);
  if (victim) world.simulator.reclaim(victim.id, { noticeMs: random() < 0.3 ? 20 * SECOND : 0 });
}

async function scale(life: Running, replicas: number): Promise<void> {
  await revive(life);
  while (!(await life.world.ask({ op: 'scale', replicas }))) await pass(life);
}

async function remove(life: Running): Promise<void> {
  await revive(life);
  while (!(await life.world.ask({ op: 'delete' })) && life.world.pool()) await pass(life);
}

function storyOf({ simulator, log }: CrashWorld): readonly string[] {
  const calls = simulator.journal.entries
    .filter((entry) => entry.kind === 'event' || !/^(Describe|Inquiry)/.test(entry.action) || entry.fault !== undefined)
    .slice(-80)
    .map(({ at, ...entry }) => `${new Date(at).toISOString()} ${JSON.stringify(entry).slice(0, 300)}`);
  return ['the cloud:', ...calls, 'the operator:', ...log.map((line) => line.trim().slice(0, 400))];
}
