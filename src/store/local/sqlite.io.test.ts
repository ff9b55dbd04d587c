import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { StoreError } from '../store.ts';
import { inTransaction, toStoreError } from './sqlite.ts';

it('keeps all of a transaction or nothing, and is ready for the next one', () => {
  const db = new DatabaseSync(':memory:');
  db.exec('CREATE TABLE t (x INTEGER PRIMARY KEY)');
  const add = (...numbers: number[]): void => {
    for (const number of numbers) db.prepare('INSERT INTO t VALUES (?)').run(number);
  };
  inTransaction(db, () => add(1, 2));
  expect(() => inTransaction(db, () => add(3, 1))).toThrow(/UNIQUE/);
  expect(() =>
    inTransaction(db, () => {
      add(4);
      throw new RangeError('ours');
    }),
  ).toThrow('ours');
  inTransaction(db, () => add(5));
  expect(
    db
      .prepare('SELECT x FROM t')
      .all()
      .map((row) => row['x']),
  ).toEqual([1, 2, 5]);
  db.close();
});

it.each([
  [13, 'the disk is full'],
  [10 | (3 << 8), 'the disk failed to read or write'],
  [14, 'it cannot be opened'],
  [8, 'it is read-only'],
  [11, 'it is damaged'],
  [5, 'another program holds it'],
  [1, 'it cannot be used'],
])('says what to do about result code %i', (errcode, hint) => {
  const cause = Object.assign(new Error('as SQLite says'), { errcode });
  const error = toStoreError('s.db', cause);
  expect(error).toMatchObject({ reason: 'Unavailable', cause });
  expect(error.message).toContain(`The state file s.db: ${hint}`);
  expect(error.message).toContain('as SQLite says');
});

it('leaves errors that are ours as they are', () => {
  const error = new StoreError('Conflict', 'x');
  expect(toStoreError('s.db', error)).toBe(error);
});
