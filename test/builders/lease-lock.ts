import type { LeaseLock, LeaseRecord } from '../../src/engine/election.ts';
import { StoreError } from '../../src/store/store.ts';

/** A lease as an API server keeps it, without the network: each call is carried out at once. */
export interface MemoryLease {
  /** Throws what the port says. A write that changes nothing keeps the version, as Kubernetes does. */
  read(): { readonly record: LeaseRecord; readonly version: string } | undefined;
  create(record: LeaseRecord): string;
  update(record: LeaseRecord, version: string): string;
  /** What a person may do: changes the record, or takes the object away, whoever holds it. */
  edit(change: Partial<LeaseRecord>): void;
  remove(): void;
  /** Every state that it had, oldest first. */
  readonly history: readonly LeaseRecord[];
}

export function createMemoryLease(): MemoryLease {
  const history: LeaseRecord[] = [];
  let current: { readonly record: LeaseRecord; readonly version: string } | undefined;
  let versions = 0;
  const put = (record: LeaseRecord): string => {
    if (current && JSON.stringify(current.record) === JSON.stringify(record)) return current.version;
    versions += 1;
    current = { record, version: String(versions) };
    history.push(record);
    return current.version;
  };
  return {
    history,
    read: () => current,
    create(record) {
      if (current) throw new StoreError('Conflict', 'it exists');
      return put(record);
    },
    update(record, version) {
      if (!current) throw new StoreError('NotFound', 'it is gone');
      if (current.version !== version) throw new StoreError('Conflict', `it is at version ${current.version}`);
      return put(record);
    },
    edit(change) {
      if (current) put({ ...current.record, ...change });
    },
    remove() {
      current = undefined;
    },
  };
}

/** How the server fares: it answers, refuses each call, carries nothing out and never answers, or does and never answers. */
export type LeaseWeather = 'fine' | 'refusing' | 'silent' | 'mute';

export interface MemoryLock extends LeaseLock {
  weather: LeaseWeather;
  /** The calls so far: `read`, `create`, `update`. */
  readonly calls: string[];
}

/** A way to a memory lease for one process. Its calls never heed their signals: an election must not rely on that. */
export function createMemoryLock(lease: MemoryLease): MemoryLock {
  const calls: string[] = [];
  const call = async <T>(name: string, work: () => T): Promise<T> => {
    calls.push(name);
    if (lock.weather === 'refusing') throw new Error('connection refused');
    if (lock.weather === 'silent') return new Promise<T>(() => {});
    const result = work();
    return lock.weather === 'mute' ? new Promise<T>(() => {}) : result;
  };
  const lock: MemoryLock = {
    weather: 'fine',
    calls,
    description: 'aiops/operator',
    read: () => call('read', () => lease.read()),
    create: (record) => call('create', () => lease.create(record)),
    update: (record, version) => call('update', () => lease.update(record, version)),
  };
  return lock;
}
