import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../api/meta.ts';
import { targetOf } from './target.ts';
import { createWatchPrinter } from './watch-printer.ts';

const now = Date.UTC(2026, 10, 1);

function pool(name: string, version: string, size: number, metadata: Partial<KubeObject['metadata']> = {}): KubeObject {
  return {
    apiVersion: 'demo.aiops.org/v1',
    kind: 'SpotPool',
    metadata: {
      name,
      namespace: 'default',
      uid: name,
      generation: 1,
      resourceVersion: version,
      creationTimestamp: '2026-10-31T23:59:00Z',
      finalizers: [],
      labels: {},
      annotations: {},
      ...metadata,
    },
    spec: {},
    status: { minimum: 1, maximum: 3, size, ready: size },
  };
}

const tablePrinter = () =>
  createWatchPrinter(targetOf(['sp']), { output: 'table', isWide: false, withNamespace: false });
const cells = (text: string): string[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => line.replaceAll(/ +/g, ' '));

describe('the watch printer', () => {
  it('prints everything once, and then only what looks different', () => {
    const printer = tablePrinter();
    expect(cells(printer.print([pool('a', '1', 1), pool('b', '2', 0)], now))).toEqual([
      'NAME MIN MAX SIZE READY COST/H STATUS AGE NOTE',
      'a 1 3 1 1 60s',
      'b 1 3 0 0 60s',
    ]);
    expect(printer.print([pool('a', '1', 1), pool('b', '2', 0)], now + 60_000)).toBe('');
    expect(printer.print([pool('a', '9', 1), pool('b', '2', 0)], now)).toBe('');
    expect(cells(printer.print([pool('a', '9', 1), pool('b', '3', 2)], now))).toEqual(['b 1 3 2 2 60s']);
  });

  it('tells of what is new, what is being deleted and what is gone', () => {
    const printer = tablePrinter();
    expect(printer.print([], now)).toBe('');
    printer.print([pool('a', '1', 1)], now);
    const deleting = pool('a', '2', 1, { deletionTimestamp: '2026-10-31T23:59:59Z' });
    expect(cells(printer.print([deleting], now))).toEqual(['a 1 3 1 1 60s deleting']);
    expect(cells(printer.print([], now))).toEqual(['a 1 3 1 1 60s deleted']);
    expect(printer.print([], now)).toBe('');
  });

  it('keeps the columns where they were', () => {
    const printer = tablePrinter();
    const head = printer.print([pool('a-long-name', '1', 1)], now).split('\n')[0] ?? '';
    const row = printer.print([pool('a-long-name', '1', 1), pool('b', '2', 7)], now);
    expect(row.indexOf('7')).toBe(head.indexOf('SIZE'));
  });

  it('prints whole documents for programs, at every change', () => {
    const printer = createWatchPrinter(targetOf(['sp']), { output: 'json', isWide: false, withNamespace: false });
    expect(JSON.parse(printer.print([pool('a', '1', 1)], now))).toMatchObject({ metadata: { name: 'a' } });
    expect(printer.print([pool('a', '1', 1)], now)).toBe('');
    expect(JSON.parse(printer.print([pool('a', '2', 1)], now))).toMatchObject({ metadata: { resourceVersion: '2' } });
  });
});
