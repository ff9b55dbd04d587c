import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../api/meta.ts';
import type { SpotPoolStatus } from '../api/spotpool.ts';
import { describeObject } from './describe-action.ts';

const now = Date.UTC(2026, 10, 1, 12);
const ago = (ms: number): string => `${new Date(now - ms).toISOString().slice(0, 19)}Z`;
const S = 1000;
const M = 60 * S;

const status: SpotPoolStatus = {
  observedGeneration: 1,
  size: 2,
  ready: 1,
  outdated: 1,
  hourlyCost: '0.84',
  currency: 'USD',
  conditions: [
    {
      type: 'Ready',
      status: 'False',
      reason: 'BelowMinimum',
      message: '1 machines answer.',
      lastTransitionTime: ago(3 * M),
      observedGeneration: 1,
    },
  ],
  instances: [
    {
      instanceId: 'ins-a',
      phase: 'Ready',
      reason: 'Answering',
      offering: 'z/T/s/SPOTPAID',
      publicIp: '203.0.113.7',
      createdAt: ago(20 * M),
      hourlyCost: '0.42',
      isOutdated: true,
    },
    {
      instanceId: 'ins-b',
      phase: 'Warming',
      reason: 'NotAnsweringYet',
      message: 'connection refused',
      offering: 'z/T/s/SPOTPAID',
      createdAt: ago(90 * S),
      probeFailures: 2,
    },
  ],
  offerings: [
    {
      offering: 'z/T/s/SPOTPAID',
      state: 'Blocked',
      reason: 'SoldOut',
      message: 'None left.',
      blockedUntil: ago(-4 * M),
      lastTriedAt: ago(30 * S),
      hourlyCost: '0.42',
    },
  ],
  buyingStopped: { reason: 'InsufficientBalance', message: 'Top it up.', until: ago(-5 * M), generation: 2 },
  intents: [
    {
      token: 't',
      name: 'a-1234-x',
      offering: 'z/T/s/SPOTPAID',
      count: 2,
      specHash: 'h',
      plannedAt: ago(40 * S),
      unknownSince: ago(10 * S),
    },
  ],
};
const pool: KubeObject = {
  apiVersion: 'demo.aiops.org/v1',
  kind: 'SpotPool',
  metadata: {
    name: 'a',
    namespace: 'default',
    uid: 'u',
    generation: 2,
    resourceVersion: '9',
    creationTimestamp: ago(25 * M),
    finalizers: [],
    labels: { team: 'search' },
    annotations: { 'aiops.org/scaled-to': '3' },
  },
  spec: {
    secretId: '***',
    secretKey: '***',
    region: 'ap-singapore',
    availableZone: 'ap-singapore-2',
    instanceType: 'GN7',
    subnetId: 'subnet-a',
    vpcId: 'vpc-a',
    securityGroupId: 'sg-a',
    imageId: 'img-a',
    minSize: 2,
    maxSize: 3,
    replicas: 3,
  },
  status,
};

describe('describe', () => {
  it('tells the whole story of a pool', () => {
    const events = [
      {
        type: 'Normal' as const,
        reason: 'Buying',
        note: 'Buys 2.',
        count: 1,
        firstSeen: ago(5 * M),
        lastSeen: ago(5 * M),
      },
      {
        type: 'Warning' as const,
        reason: 'SoldOut',
        note: 'None left.',
        count: 4,
        firstSeen: ago(20 * M),
        lastSeen: ago(30 * S),
      },
    ];
    expect(describeObject(pool, events, now)).toBe(
      `Name:          a
Namespace:     default
Labels:        team=search
Annotations:   aiops.org/scaled-to=3
Kind:          SpotPool
Created:       2026-11-01T11:35:00Z (25m ago)
Generation:    2 (the status speaks of 1)
Note:          scaled to 3
Spec:
  Size:             2 to 3, 3 wanted
  Keys:             in the manifest (not shown)
  Region:           ap-singapore
  Network:          vpc-a, security groups sg-a
  Image:            img-a
  Offerings:        ap-singapore-2/GN7/subnet-a/SPOTPAID
  Disk:             CLOUD_BSSD, 100 GiB
  Public address:   10 Mbit/s, billed by traffic
  Ready when:       GET :11434/api/tags answers 200 within 5s
  Replaced when:    not running after 5m, not ready after 10m, or silent 3 times in a row
  Drains for:       at most 30s
  Buys:             at most 9 machines within an hour
  Checked:          every 20s
  When deleted:     its machines are released
Status:
  Size:             2 alive, 1 ready, 1 of an older spec
  Cost:             0.84 USD an hour
  Buying stopped:   InsufficientBalance: Top it up. Tried again in 5m.
Machines:
  ID      PHASE     REASON            ADDRESS       OFFERING         COST/H   AGE   MESSAGE
  ins-a   Ready     Answering         203.0.113.7   z/T/s/SPOTPAID   0.42     20m   of an older spec
  ins-b   Warming   NotAnsweringYet                 z/T/s/SPOTPAID            90s   silent 2 times in a row; connection refused
Offerings:
  OFFERING         STATE     REASON    TRIED IN   COST/H   LAST TRIED   MESSAGE
  z/T/s/SPOTPAID   Blocked   SoldOut   4m         0.42     30s          None left.
Purchases under way:
  NAME       OFFERING         COUNT   AGE   STATE                     MESSAGE
  a-1234-x   z/T/s/SPOTPAID   2       40s   outcome unknown for 10s
Conditions:
  TYPE    STATUS   REASON         SINCE   MESSAGE
  Ready   False    BelowMinimum   3m      1 machines answer.
Events:
  TYPE      REASON    AGE                 MESSAGE
  Normal    Buying    5m                  Buys 2.
  Warning   SoldOut   30s (x4 over 20m)   None left.
`,
    );
  });

  it('says of a pool that nobody has looked at yet that nothing is known', () => {
    const { status: _, ...fresh } = pool;
    const text = describeObject(fresh, [], now);
    for (const title of ['Status', 'Machines', 'Offerings', 'Purchases under way', 'Conditions', 'Events']) {
      expect(text).toContain(`\n${title}:   <none>\n`);
    }
  });

  it('hands nothing on that a terminal obeys, whoever wrote it', () => {
    const hostile = 'x\u001b[2J\u009b31m\r\ny\u202e';
    const [machine] = status.instances ?? [];
    const [condition] = status.conditions ?? [];
    if (!machine || !condition) throw new Error('the pool has a machine and a condition');
    const shown: SpotPoolStatus = {
      ...status,
      instances: [{ ...machine, message: hostile, publicIp: hostile }],
      conditions: [{ ...condition, message: hostile }],
      buyingStopped: { reason: hostile, message: hostile, until: ago(-M), generation: 1 },
    };
    const metadata = { ...pool.metadata, annotations: { note: hostile } };
    const event = {
      type: 'Normal',
      reason: 'X',
      note: hostile,
      count: 1,
      firstSeen: ago(M),
      lastSeen: ago(M),
    } as const;
    for (const kind of ['SpotPool', 'Other']) {
      const text = describeObject({ ...pool, kind, metadata, status: shown }, [event], now);
      expect(text).toContain('x\u{fffd}[2J');
      expect(text).not.toMatch(/[^\P{Cc}\n]|\u202e/u);
    }
  });

  it('never shows a key, masked or not', () => {
    const spec = {
      ...(pool.spec as object),
      secretId: 'AKIDverysecret',
      secretKey: 'verysecret',
      instance: { userData: 'password' },
    };
    expect(describeObject({ ...pool, spec }, [], now)).not.toMatch(/verysecret|password|\*\*\*/);
  });

  it('says what is wrong with a spec that this version cannot read', () => {
    const text = describeObject({ ...pool, spec: { ...(pool.spec as object), regoin: 'x' } }, [], now);
    expect(text).toContain('  cannot be read: unknown field "regoin"; did you mean region?\n');
  });

  it('shows a kind without a description of its own as it is', () => {
    const text = describeObject(
      { ...pool, kind: 'Other', spec: { a: 1 }, status: { b: [2], conditions: [] } },
      [],
      now,
    );
    expect(text).toContain('Spec:\n  a: 1\nStatus:\n  b:\n    - 2\nConditions:   <none>\n');
  });
});
