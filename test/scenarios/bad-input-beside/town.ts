import { AsyncLocalStorage } from 'node:async_hooks';
import type { JournalEntry } from '../../../simulators/cvm/journal.ts';
import { createRandom, type Random } from '../../../simulators/cvm/random.ts';
import type { CloudProvider } from '../../../src/cloud/cloud.ts';
import type { OperatorUnderTest } from '../../builders/operator.ts';
import { startOperator } from '../../builders/operator.ts';
import { poolManifest, secretManifest } from '../../builders/pool-manifest.ts';

export const MINUTE = 60_000;
export const HEALTHY_KEY = { secretId: 'AKIDhealthyhealthy', secretKey: 'secret-of-the-healthy' } as const;
export const BAD_KEY = { secretId: 'AKIDbadbadbadbad', secretKey: 'secret-of-the-bad' } as const;

/** Pools of one file. */
const IN_A_FILE = 5;
const OFFER = ['ap-singapore-2', 'GN7.2XLARGE32', 'SPOTPAID'] as const;

export interface TownOptions {
  readonly healthy: number;
  readonly minutes: number;
  /** Further keys of the account `bad`. */
  readonly badKeys?: readonly { readonly secretId: string; readonly secretKey: string }[];
  readonly env?: Readonly<Record<string, string>>;
  readonly decorateClouds?: (clouds: CloudProvider) => CloudProvider;
  /** What else happens. */
  readonly mischief?: readonly Mischief[];
}

export interface Mischief {
  readonly atMs: number;
  readonly happens: (op: OperatorUnderTest) => void | Promise<void>;
}

/** What a town of healthy pools has lived through: the cloud's journal of that time. */
export interface TownLife {
  readonly op: OperatorUnderTest;
  readonly entries: readonly JournalEntry[];
  readonly startedAt: number;
}

export const nameOf = (index: number): string => `healthy-${String(index).padStart(3, '0')}`;

/**
 * A town of healthy pools, five new ones in ten seconds, and each loses its machine once. All that happens to them is laid down: each
 * pool draws from a chance of its own, and the cloud's delays are fixed. So two such lives differ only where something
 * disturbs them, to the millisecond.
 */
export async function liveInTown(options: TownOptions): Promise<TownLife> {
  const { healthy, minutes, mischief = [] } = options;
  const { random, knowing } = chanceByPool();
  const op = await startOperator({
    env: { ...options.env },
    simulator: {
      accounts: [
        { name: 'healthy', keys: [HEALTHY_KEY], balance: 100_000, spotQuotaCores: 100_000 },
        { name: 'bad', keys: [BAD_KEY, ...(options.badKeys ?? [])], balance: 100_000, spotQuotaCores: 100_000 },
      ],
      timing: {
        appear: [2000, 2000],
        tags: [3000, 3000],
        pending: [15_000, 15_000],
        terminating: [10_000, 10_000],
        reclaimed: [3000, 3000],
      },
    },
    edges: {
      random,
      storeLimits: { pollMs: 10_000 },
      decorateClouds: (clouds) => knowing(options.decorateClouds?.(clouds) ?? clouds),
    },
  });
  op.simulator.setStock(...OFFER, 10_000);
  op.write(
    'healthy-secrets.yaml',
    Array.from({ length: healthy }, (_, index) => secretManifest(nameOf(index), HEALTHY_KEY)),
  );
  const startedAt = op.clock.now();
  const plan = [...arrivals(healthy), ...losses(healthy), ...mischief].toSorted((a, b) => a.atMs - b.atMs);
  for (const { atMs, happens } of plan) {
    await op.advance(startedAt + atMs - op.clock.now());
    await happens(op);
  }
  await op.advance(startedAt + minutes * MINUTE - op.clock.now());
  return { op, entries: [...op.simulator.journal.entries], startedAt };
}

/** Each pool looks at its machine at a pace of its own, and has a Secret of its own, all with the same key. */
export function healthyManifest(index: number): object {
  const credentialsSecretRef = { name: nameOf(index) };
  const checkInterval = `${30 + (index % 7)}s`;
  return poolManifest(nameOf(index), {
    secretId: undefined,
    secretKey: undefined,
    credentialsSecretRef,
    checkInterval,
  });
}

export function healthyFile(index: number): { readonly file: string; readonly manifests: readonly object[] } {
  const first = index - (index % IN_A_FILE);
  const manifests = Array.from({ length: IN_A_FILE }, (_, offset) => healthyManifest(first + offset));
  return { file: `healthy-${String(first).padStart(3, '0')}.yaml`, manifests };
}

function arrivals(healthy: number): readonly Mischief[] {
  return Array.from({ length: healthy / IN_A_FILE }, (_, group) => ({
    atMs: 1000 + group * 10_000,
    happens(op) {
      const { file, manifests } = healthyFile(group * IN_A_FILE);
      op.write(file, manifests);
    },
  }));
}

/** From the seventh minute on, one in three seconds. */
function losses(healthy: number): readonly Mischief[] {
  return Array.from({ length: healthy }, (_, index) => ({
    atMs: 7 * MINUTE + index * 3000,
    happens(op) {
      const machine = op.simulator
        .state()
        .instances.find(({ name, endedAt }) => name.startsWith(`${nameOf(index)}-`) && endedAt === undefined);
      if (machine) op.simulator.reclaim(machine.id, { noticeMs: 0 });
    },
  }));
}

/**
 * One sequence of chance for each place where keys come from, since a pool opens the cloud with its keys before it draws anything. With
 * the one sequence that the operator has for all, every further pool would change what the others draw.
 */
function chanceByPool(): { readonly random: () => number; knowing(clouds: CloudProvider): CloudProvider } {
  const drawing = new AsyncLocalStorage<string>();
  const sequences = new Map<string, Random>();
  const sequenceOf = (source: string): Random => {
    const known = sequences.get(source) ?? createRandom(seedOf(source));
    sequences.set(source, known);
    return known;
  };
  return {
    random: () => sequenceOf(drawing.getStore() ?? '')(),
    knowing: (clouds) => ({
      // Not async: what is entered here holds for the one who calls, until that run is over.
      open(credentials, ...rest) {
        drawing.enterWith(credentials.source);
        return clouds.open(credentials, ...rest);
      },
    }),
  };
}

function seedOf(text: string): number {
  return [...text].reduce((hash, char) => Math.imul(hash ^ char.charCodeAt(0), 0x0100_0193), 0x811c_9dc5) >>> 0;
}
