import { describe, expect, it } from 'vitest';
import type { KindDefinition } from './kind.ts';
import type { KubeObject } from './meta.ts';
import { SpotPoolKind } from './spotpool.ts';
import { ageText, tableOf } from './table.ts';

const now = Date.parse('2026-03-01T12:00:00Z');

function pool(name: string, status?: unknown): KubeObject {
  return {
    apiVersion: 'demo.aiops.org/v1',
    kind: 'SpotPool',
    metadata: {
      name,
      namespace: 'default',
      uid: 'u',
      generation: 1,
      resourceVersion: '1',
      creationTimestamp: '2026-03-01T11:56:48Z',
      finalizers: [],
      labels: {},
      annotations: {},
    },
    spec: {},
    ...(status === undefined ? {} : { status }),
  };
}

const status = {
  minimum: 0,
  maximum: 3,
  size: 2,
  ready: 1,
  outdated: 1,
  hourlyCost: '0.504',
  currency: 'USD',
  conditions: [
    { type: 'Reconciling', status: 'True', reason: 'Buying' },
    { type: 'Ready', status: 'False', reason: 'MachinesMissing' },
  ],
};

describe('the table of a kind', () => {
  it('shows the columns as kubectl does, zero as well as text, and nothing where there is none', () => {
    expect(tableOf(SpotPoolKind, [pool('a', status), pool('b')], { now })).toEqual({
      columns: ['NAME', 'MIN', 'MAX', 'SIZE', 'READY', 'COST/H', 'STATUS', 'AGE'],
      rows: [
        ['a', '0', '3', '2', '1', '0.504', 'MachinesMissing', '3m12s'],
        ['b', '', '', '', '', '', '', '3m12s'],
      ],
    });
  });

  it('shows more when it is wide, and the namespaces when they are asked for', () => {
    expect(tableOf(SpotPoolKind, [pool('a', status)], { now, isWide: true, withNamespace: true })).toEqual({
      columns: ['NAMESPACE', 'NAME', 'MIN', 'MAX', 'SIZE', 'READY', 'COST/H', 'STATUS', 'AGE', 'CURRENCY', 'OUTDATED'],
      rows: [['default', 'a', '0', '3', '2', '1', '0.504', 'MachinesMissing', '3m12s', 'USD', '1']],
    });
  });

  it.each([
    ['.status.conditions[?(@.type=="Nothing")].reason', ''],
    [".status.conditions[?(@.status=='True')].reason", 'Buying'],
    ['.status.conditions', JSON.stringify(status.conditions)],
    ['.status.size.more', ''],
    ['.status.constructor', ''],
  ])('finds %s', (jsonPath, cell) => {
    expect(tableOf(columnFrom(jsonPath), [pool('a', status)], { now }).rows).toEqual([['a', cell]]);
  });

  it('says which JSONPath it cannot read', () => {
    expect(() => tableOf(columnFrom('.status.x[0:2]'), [pool('a')], { now })).toThrow(
      'cannot read the JSONPath .status.x[0:2] from [0:2] on',
    );
  });

  it('does not guess an age from what is no time', () => {
    const kind = columnFrom('.status.currency', 'date');
    expect(tableOf(kind, [pool('a', status)], { now }).rows).toEqual([['a', '<unknown>']]);
  });
});

function columnFrom(jsonPath: string, type: 'string' | 'date' = 'string'): KindDefinition {
  return { ...SpotPoolKind, printerColumns: [{ name: 'X', type, jsonPath, description: '' }] };
}

const s = 1000;
const m = 60 * s;
const h = 60 * m;
const d = 24 * h;

describe('an age', () => {
  it.each([
    [-5 * s, '<invalid>'],
    [-1 * s, '0s'],
    [0, '0s'],
    [999, '0s'],
    [119 * s, '119s'],
    [2 * m, '2m'],
    [3 * m + 12 * s, '3m12s'],
    [10 * m + 30 * s, '10m'],
    [179 * m, '179m'],
    [3 * h, '3h'],
    [5 * h + 3 * m, '5h3m'],
    [8 * h + 59 * m, '8h'],
    [47 * h, '47h'],
    [2 * d, '2d'],
    [3 * d + 4 * h, '3d4h'],
    [8 * d + 4 * h, '8d'],
    [400 * d, '400d'],
    [730 * d, '2y'],
    [800 * d, '2y70d'],
    [9 * 365 * d, '9y'],
  ])('of %i ms is %s', (ms, text) => expect(ageText(ms)).toBe(text));
});
