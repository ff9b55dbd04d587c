import { describe, expect, it } from 'vitest';
import { claimingAll, releasingAll } from '../builders/broken-clouds.ts';
import { alive, calls } from '../builders/cloud-judge.ts';
import { misdeedsOf, NO_MISDEEDS, portraitOf } from '../builders/identity-judge.ts';
import {
  KEYS,
  loseState,
  MINUTE,
  OFFERING,
  operatorAs,
  peopleBuy,
  poolsOf,
  untilReady,
} from '../builders/identity-world.ts';
import type { OperatorOptions, OperatorUnderTest } from '../builders/operator.ts';

const { secretId } = KEYS.first;
const INSTALLATION = 'aiops.org/installation';
const UID = 'aiops.org/pool-uid';
const POOL = 'aiops.org/pool';
const STRANGE = '11111111-1111-4111-8111-111111111111';

/** What the machines of a pool carry, read off one in the cloud's books. */
interface Likeness {
  readonly name: string;
  readonly installation: string;
  readonly uid: string;
}

interface LookAlike {
  readonly what: string;
  readonly name: (like: Likeness) => string;
  readonly tags: (like: Likeness) => Readonly<Record<string, string>>;
}

const plain = (): string => 'pool-';
const upper = (text: string): string => text.toUpperCase();

/** None of them says that it is this pool's: the tags of installation and pool uid would both have to, to the letter. */
const LOOK_ALIKES: readonly LookAlike[] = [
  { what: 'the prefix of the name, no tags', name: plain, tags: () => ({}) },
  { what: 'the name of a machine of ours, no tags', name: ({ name }) => name, tags: () => ({}) },
  { what: 'that name, and a tag of people', name: ({ name }) => name, tags: () => ({ team: 'ml' }) },
  { what: 'only our installation', name: plain, tags: ({ installation }) => ({ [INSTALLATION]: installation }) },
  { what: 'only the uid of the pool', name: ({ name }) => name, tags: ({ uid }) => ({ [UID]: uid }) },
  { what: 'only the name of the pool', name: plain, tags: () => ({ [POOL]: 'default/pool' }) },
  {
    what: 'our installation, another pool',
    name: ({ name }) => name,
    tags: ({ installation }) => ({ [INSTALLATION]: installation, [UID]: STRANGE, [POOL]: 'default/other' }),
  },
  {
    what: 'another installation, the uid of our pool',
    name: plain,
    tags: ({ uid }) => ({ [INSTALLATION]: STRANGE, [UID]: uid, [POOL]: 'default/other' }),
  },
  {
    what: 'our installation in upper case',
    name: plain,
    tags: ({ installation, uid }) => ({ [INSTALLATION]: upper(installation), [UID]: uid, [POOL]: 'default/Pool' }),
  },
  {
    what: 'our tags under other names',
    name: plain,
    tags: ({ installation, uid }) => ({ 'Aiops.org/Installation': installation, 'aiops.org/pool_uid': uid }),
  },
  {
    what: 'values that only begin alike',
    name: plain,
    tags: ({ installation, uid }) => ({
      [INSTALLATION]: `${installation}0`,
      [UID]: `${uid}0`,
      [POOL]: 'default/pool2',
    }),
  },
];

/** Read off the oldest machine of an operator that has some. */
function likenessOf(op: OperatorUnderTest): Likeness {
  const [machine] = op.simulator.state().instances;
  const tagOf = (key: string): string => machine?.tags.find(({ Key }) => Key === key)?.Value ?? '';
  return { name: machine?.name ?? '', installation: tagOf(INSTALLATION), uid: tagOf(UID) };
}

async function peopleBuyAll(op: OperatorUnderTest, like: Likeness): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const [index, { name, tags }] of LOOK_ALIKES.entries()) {
    const type = index % 2 === 0 ? 'S5.MEDIUM4' : 'GN7.2XLARGE32';
    const count = index < 6 ? 5 : 4;
    ids.push(...(await peopleBuy(op, { count, type, name: name(like), tags: tags(like) })));
  }
  expect(ids).toHaveLength(50);
  return ids;
}

/** A pool's life among them: it grows, loses a machine, shrinks. @returns when it was first complete */
async function lifeAmong(op: OperatorUnderTest): Promise<number> {
  op.write('pools.yaml', poolsOf('first', { pool: { minimum: 2, maximum: 3 } }));
  await untilReady(op, 2);
  const since = op.clock.now();
  const [lost = ''] = alive(op.simulator).filter((id) =>
    op.pool('pool')?.status?.instances?.some((each) => each.instanceId === id),
  );
  op.simulator.reclaim(lost, { noticeMs: 0 });
  await op.advance(MINUTE);
  await untilReady(op, 2);
  op.write('pools.yaml', poolsOf('first', { pool: { minimum: 1, maximum: 1 } }));
  await op.advance(10 * MINUTE);
  return since;
}

describe('fifty machines of others that look like the pool’s', () => {
  const young = [
    ['bought a moment ago', 0, 6 * MINUTE],
    ['that have been there for a while', 6 * MINUTE, 0],
  ] as const;
  it.each(young)(
    '%s: none is touched or counted, and purchases wait no longer than for late tags',
    async (_what, age, wait) => {
      // The same seed makes the same pool: what its machines carry is known from a life without others.
      const lonely = await operatorAs('first', {});
      const startedAlone = lonely.clock.now();
      const alone = (await lifeAmong(lonely)) - startedAlone;
      const like = likenessOf(lonely);
      await lonely.stop();

      const op = await operatorAs('first', {});
      const foreign = await peopleBuyAll(op, like);
      await op.advance(Math.max(age, MINUTE));
      const before = portraitOf(op.simulator, foreign);
      const started = op.clock.now();
      const among = (await lifeAmong(op)) - started;
      expect(among - alone).toBeLessThanOrEqual(wait + MINUTE);
      expect(misdeedsOf(op.simulator, { secretId, maxBought: 3, maxReleased: 1, alive: 1 })).toEqual(NO_MISDEEDS);
      await op.delete('pool');
      await op.until('the pool is gone', () => !op.pool('pool'), 20 * MINUTE);
      expect(misdeedsOf(op.simulator, { secretId, maxBought: 3, maxReleased: 2, alive: 0 })).toEqual(NO_MISDEEDS);
      expect(portraitOf(op.simulator, foreign)).toEqual(before);
      expect(portraitOf(op.simulator, foreign)).toHaveLength(50);
    },
  );

  it('that come while the pool lives: none is touched or counted, and nothing waits', async () => {
    const op = await operatorAs('first', { pool: { minimum: 2, maximum: 3 } });
    await untilReady(op, 2);
    const [lost = ''] = alive(op.simulator);
    const foreign = await peopleBuyAll(op, likenessOf(op));
    op.simulator.reclaim(lost, { noticeMs: 0 });
    const since = op.clock.now();
    await op.until('it is replaced', () => calls(op.simulator, 'RunInstances', since).length > 0, MINUTE);
    await untilReady(op, 2);
    await op.advance(60 * MINUTE);
    expect(misdeedsOf(op.simulator, { secretId, maxBought: 3, alive: 2 })).toEqual(NO_MISDEEDS);
    expect(
      portraitOf(op.simulator, foreign).filter((each) => 'state' in each && each.state === 'RUNNING'),
    ).toHaveLength(50);
  });

  it('and the state is lost among them: the pool’s own are found again, and only those', async () => {
    const op = await operatorAs('first', { pool: { minimum: 2, maximum: 3 } });
    await untilReady(op, 2);
    await peopleBuyAll(op, likenessOf(op));
    await op.stop();
    loseState(op);
    await op.start();
    await untilReady(op, 2);
    await op.advance(20 * MINUTE);
    expect(misdeedsOf(op.simulator, { secretId, maxBought: 2, alive: 2 })).toEqual(NO_MISDEEDS);
  });

  const brokenOnes: readonly [string, (op: () => OperatorUnderTest) => NonNullable<OperatorOptions['edges']>][] = [
    [
      'takes them for its own',
      (op) => ({
        decorateClouds: claimingAll(
          () => ({ installation: STRANGE, poolUid: op().pool('pool')?.metadata.uid ?? '', pool: 'default/pool' }),
          OFFERING,
        ),
      }),
    ],
    ['releases whatever is there', () => ({ decorateClouds: releasingAll(OFFERING) })],
  ];
  it.each(brokenOnes)('is judged: an operator that %s is caught', async (_what, edgesFor) => {
    const like = { name: 'pool-0a1b2c3d-abc', installation: STRANGE, uid: STRANGE };
    const held: { op?: OperatorUnderTest } = {};
    const self = (): OperatorUnderTest => {
      if (!held.op) throw new Error('it has not started');
      return held.op;
    };
    const op = await operatorAs('first', {}, { edges: edgesFor(self), settings: { installationId: STRANGE } });
    held.op = op;
    const foreign = await peopleBuyAll(op, like);
    await op.advance(6 * MINUTE);
    op.write('pools.yaml', poolsOf('first', { pool: { minimum: 2, maximum: 2 } }));
    await op.advance(5 * MINUTE);
    op.write('pools.yaml', poolsOf('first', { pool: { minimum: 1, maximum: 1 } }));
    await op.advance(10 * MINUTE);
    const { claimed } = misdeedsOf(op.simulator, { secretId, maxBought: 3, maxReleased: 3 });
    expect(claimed.length).toBeGreaterThan(0);
    expect(
      portraitOf(op.simulator, foreign).filter((each) => 'endedAt' in each && each.endedAt !== undefined),
    ).not.toEqual([]);
  });
});
