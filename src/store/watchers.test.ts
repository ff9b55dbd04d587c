import { describe, expect, it } from 'vitest';
import { createWatchers } from './watchers.ts';

const never = new AbortController().signal;

describe('watchers', () => {
  it('tell everyone in the same order, also of what a listener causes', () => {
    const watchers = createWatchers<string>();
    const told: string[] = [];
    watchers.add('kind', [], (event) => event === 'first' && watchers.publish('kind', 'caused'), never);
    watchers.add('kind', [], (event) => told.push(event), never);
    watchers.publish('kind', 'first');
    expect(told).toEqual(['first', 'caused']);
  });

  it('tell whoever joins during a change nothing of that change', () => {
    const watchers = createWatchers<string>();
    const told: string[] = [];
    let hasJoined = false;
    const join = (): void => {
      if (!hasJoined) watchers.add('kind', ['as it is'], (event) => told.push(event), never);
      hasJoined = true;
    };
    watchers.add('kind', [], join, never);
    watchers.publish('kind', 'one', 'two');
    watchers.publish('kind', 'later');
    expect(told).toEqual(['as it is', 'later']);
  });

  it('tell nothing more to whoever leaves during a change', () => {
    const watchers = createWatchers<string>();
    const leaving = new AbortController();
    const told: string[] = [];
    watchers.add('kind', [], () => leaving.abort(), never);
    watchers.add('kind', [], (event) => told.push(event), leaving.signal);
    watchers.publish('kind', 'one', 'two');
    expect(told).toEqual([]);
  });

  it('go on when a listener throws', () => {
    const errors: unknown[] = [];
    const watchers = createWatchers<string>((error) => errors.push(error));
    const told: string[] = [];
    watchers.add(
      'kind',
      [],
      (event) => {
        told.push(event);
        throw new Error(event);
      },
      never,
    );
    watchers.publish('kind', 'one', 'two');
    expect(told).toEqual(['one', 'two']);
    expect(errors).toHaveLength(2);
  });
});
