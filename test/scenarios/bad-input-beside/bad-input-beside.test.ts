import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { CloudProvider } from '../../../src/cloud/cloud.ts';
import { sleep } from '../../../src/lib/clock.ts';
import { type OperatorUnderTest, startOperator } from '../../builders/operator.ts';
import { poolManifest } from '../../builders/pool-manifest.ts';
import { badManifests } from './bad-manifests.ts';
import {
  type BadPool,
  HALF_ENV,
  HALF_SECRETS,
  LIMITED_KEYS,
  limitKeys,
  manifestsOf,
  POOLS_OF_UNKNOWN,
  POOLS_WITHOUT_KEYS,
  POOLS_WITHOUT_PERMISSION,
  SECRET_TO_TAKE,
  SHRUNK,
  sellOut,
} from './bad-pools.ts';
import { booksOf, booksOfPool, deedsOf, differenceOf, type Line, until } from './judge.ts';
import {
  BAD_KEY,
  HEALTHY_KEY,
  healthyFile,
  healthyManifest,
  liveInTown,
  MINUTE,
  type Mischief,
  nameOf,
  type TownLife,
  type TownOptions,
} from './town.ts';

const { secretId } = HEALTHY_KEY;
const TOWN = { healthy: 100, minutes: 20 } as const;
/** By then every pool has lost its machine and has another one. */
const REPLACED_BY_MS = 14 * MINUTE;
/** Enough to have a loss replaced in each of its ten pools. */
const VILLAGE = { healthy: 10, minutes: 11 } as const;
/** The slowest of the healthy pools looks at its machine so often; a look more or less. */
const ONE_POLL_MS = 37_000;

const settings = { badKeys: LIMITED_KEYS, env: HALF_ENV };

/** Every manifest that is refused, each in a file of its own. */
const refusedManifests: Mischief = {
  atMs: 61_500,
  happens(op) {
    for (const [index, { manifest }] of badManifests.entries()) op.write(`bad-${index}.yaml`, manifest);
  },
};

/** Pools that are accepted and cannot work, with keys of another account. */
const badPools: readonly Mischief[] = [
  {
    atMs: 65_000,
    happens(op) {
      limitKeys(op);
      sellOut(op);
      op.write('secrets.yaml', HALF_SECRETS);
      op.write('secret-to-take.yaml', SECRET_TO_TAKE);
      op.write('bad-keys.yaml', manifestsOf(POOLS_WITHOUT_KEYS));
      op.write('bad-references.yaml', manifestsOf(POOLS_OF_UNKNOWN));
      op.write('bad-permissions.yaml', manifestsOf(POOLS_WITHOUT_PERMISSION));
    },
  },
  {
    atMs: 5 * MINUTE,
    happens(op) {
      op.remove('secret-to-take.yaml');
      const others = POOLS_WITHOUT_PERMISSION.filter(({ name }) => name !== 'may-not-release');
      op.write('bad-permissions.yaml', [...manifestsOf(others), poolManifest('may-not-release', SHRUNK)]);
    },
  },
];

function expectTold(op: OperatorUnderTest, pools: readonly BadPool[]): void {
  for (const { name, condition, says } of pools) expect(op.condition(name, condition)?.message, name).toMatch(says);
}

/** What is wrong is told, whatever else the operator has to do. */
const allTold: Mischief = {
  atMs: 8 * MINUTE + 30_000,
  happens(op) {
    const problems = op.problems().join('\n');
    for (const { name, says } of badManifests)
      for (const words of says) expect(problems, name).toContain(words.replace(/^bad\.yaml/, ''));
    expectTold(op, [...POOLS_WITHOUT_KEYS, ...POOLS_OF_UNKNOWN, ...POOLS_WITHOUT_PERMISSION]);
  },
};

/** What happens to the files of healthy pools while they live: their last good version goes on. */
const spoiltFiles: readonly Mischief[] = [
  {
    atMs: 4 * MINUTE,
    happens(op) {
      const [bySide, inPlace] = [healthyFile(0), healthyFile(5)];
      op.write(bySide.file, [...bySide.manifests, ...spoilt(0, { minimum: -1, maximum: 0 })]);
      op.write(inPlace.file, [
        ...inPlace.manifests.slice(1),
        ...spoilt(5, { minimum: 'two', securityGroupId: 'sg-x' }),
      ]);
    },
  },
  { atMs: 5 * MINUTE, happens: (op) => op.write(healthyFile(10).file, 'kind: [unclosed\n') },
  { atMs: 5 * MINUTE + 1000, happens: (op) => op.remove(healthyFile(15).file) },
  {
    atMs: 14 * MINUTE,
    happens(op) {
      for (const first of [0, 5, 10, 15]) op.write(healthyFile(first).file, healthyFile(first).manifests);
    },
  },
];

function spoilt(index: number, changes: object): readonly object[] {
  const { spec, ...rest } = healthyManifest(index) as { spec: object };
  return [{ ...rest, spec: { ...spec, ...changes } }];
}

/** The folder is away twice: as one that cannot be read, and as an empty one. */
const lostFolder: readonly Mischief[] = [
  { atMs: 9 * MINUTE, happens: ({ manifestsDir }) => renameSync(manifestsDir, `${manifestsDir}-aside`) },
  { atMs: 10 * MINUTE, happens: ({ manifestsDir }) => mkdirSync(manifestsDir) },
  {
    atMs: 11 * MINUTE,
    happens({ manifestsDir }) {
      rmSync(manifestsDir, { recursive: true });
      renameSync(`${manifestsDir}-aside`, manifestsDir);
    },
  },
];

/** Others that would work on the same state, or on the same folder, are turned away at the door. */
const intruders: Mischief = {
  atMs: 12 * MINUTE,
  async happens(op) {
    const sameState = startOperator({ beside: op, seed: 2, settings: { state: op.statePath } });
    await expect(sameState).rejects.toThrow(`The state file ${op.statePath} belongs to process`);
    const sameFolder = startOperator({ beside: op, seed: 3, settings: { manifests: op.manifestsDir } });
    await expect(sameFolder).rejects.toThrow(/belong to installation|are in use by an operator/);
  },
};

/** At last all that was wrong is taken away again. */
const tidiedUp: Mischief = {
  atMs: 16 * MINUTE,
  async happens(op) {
    const files = ['bad-keys.yaml', 'bad-references.yaml', 'bad-permissions.yaml', 'secrets.yaml'];
    for (const file of [...badManifests.map((_, index) => `bad-${index}.yaml`), ...files]) op.remove(file);
  },
};

const everything = [refusedManifests, ...badPools, allTold, ...spoiltFiles, ...lostFolder, intruders, tidiedUp];

async function live(options: TownOptions): Promise<TownLife> {
  const life = await liveInTown({ ...settings, ...options });
  // Its machines and files are not needed any more; the next life is as expensive.
  await life.op.stop();
  return life;
}

/** The differences that each healthy pool shows, by its name. */
function disturbed(
  pools: number,
  books: (pool: string) => readonly [readonly Line[], readonly Line[]],
  withinMs = 0,
): readonly string[] {
  return Array.from({ length: pools }, (_, index) => nameOf(index)).flatMap((pool) => {
    const difference = differenceOf(...books(pool), withinMs);
    return difference === undefined ? [] : [`${pool}: ${difference}`];
  });
}

describe('a hundred healthy pools', () => {
  it('live as they would without bad manifests, bad keys and bad pools beside them', async () => {
    const alone = await live(TOWN);
    for (let index = 0; index < TOWN.healthy; index += 1) {
      const bought = booksOfPool(alone, secretId, nameOf(index)).filter(({ text }) => text.startsWith('RunInstances'));
      expect(bought, nameOf(index)).toHaveLength(2);
    }

    const beside = await live({ ...TOWN, mischief: everything });
    const exact = (pool: string) => [booksOfPool(alone, secretId, pool), booksOfPool(beside, secretId, pool)] as const;
    expect(disturbed(TOWN.healthy, exact)).toEqual([]);
    expect(differenceOf(booksOf(alone, secretId), booksOf(beside, secretId))).toBeUndefined();

    // In one account they share its rate limits and its sweep: a look may then come a poll sooner or later.
    const inside = await live({
      ...TOWN,
      minutes: REPLACED_BY_MS / MINUTE,
      mischief: [{ atMs: 65_000, happens: (op) => op.write('bad.yaml', manifestsOf(POOLS_OF_UNKNOWN, HEALTHY_KEY)) }],
    });
    const start = until(alone, REPLACED_BY_MS);
    const deeds = (pool: string) => [deedsOf(start, secretId, pool), deedsOf(inside, secretId, pool)] as const;
    expect(disturbed(TOWN.healthy, deeds, ONE_POLL_MS)).toEqual([]);
    expectTold(inside.op, POOLS_OF_UNKNOWN);
  }, 240_000);
});

describe('the judge', () => {
  /** As if the work of a bad pool held up everybody behind it. */
  const holdingUp =
    (ms: number) =>
    (clock: () => OperatorUnderTest['clock']) =>
    (clouds: CloudProvider): CloudProvider => {
      let heldUntil = 0;
      return {
        async open(credentials, region, signal) {
          const keys = await credentials.getCredentials(signal);
          const now = clock().now();
          if (keys.secretId === BAD_KEY.secretId) heldUntil = now + ms;
          else if (now < heldUntil) await sleep(clock(), heldUntil - now, signal);
          return clouds.open(credentials, region, signal);
        },
      };
    };

  it.each([
    [2, 0],
    [90, ONE_POLL_MS],
  ])(
    'catches bad pools that hold up the others for %i s',
    async (seconds, withinMs) => {
      const alone = await live(VILLAGE);
      const held: { op?: OperatorUnderTest } = {};
      const remember: Mischief = {
        atMs: 0,
        happens(op) {
          held.op = op;
        },
      };
      const clock = (): OperatorUnderTest['clock'] => (held.op as OperatorUnderTest).clock;
      const decorateClouds = holdingUp(seconds * 1000)(clock);
      const mischief = [remember, ...badPools];
      const beside = await live({ ...VILLAGE, mischief, decorateClouds });
      const deeds = (pool: string) => [deedsOf(alone, secretId, pool), deedsOf(beside, secretId, pool)] as const;
      expect(disturbed(VILLAGE.healthy, deeds, withinMs)).not.toEqual([]);
    },
    60_000,
  );

  const lines: readonly Line[] = [
    { atMs: 0, text: 'a' },
    { atMs: 1000, text: 'b' },
  ];
  const tampered: readonly [string, readonly Line[], number, RegExp | undefined][] = [
    ['the same', lines, 0, undefined],
    ['one less', lines.slice(0, 1), 0, /^line 2: expected 1.000 s b, seen nothing/],
    ['one more', [...lines, { atMs: 2000, text: 'c' }], 0, /^line 3: expected nothing, seen 2.000 s c/],
    ['another', [{ atMs: 0, text: 'c' }], 0, /^line 1: expected 0.000 s a, seen 0.000 s c/],
    ['a millisecond later', lines.map(({ atMs, text }) => ({ atMs: atMs + 1, text })), 0, /^line 1/],
    ['a second later, which may be', lines.map(({ atMs, text }) => ({ atMs: atMs + 1000, text })), 1000, undefined],
    ['in another order', lines.toReversed(), 0, /^line 1/],
  ];
  it.each(tampered)('tells of %s', (_what, seen, withinMs, difference) => {
    const found = differenceOf(lines, seen, withinMs);
    if (difference) expect(found).toMatch(difference);
    else expect(found).toBeUndefined();
  });
});
