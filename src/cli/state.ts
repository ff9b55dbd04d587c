import { kinds } from '../api/kinds.ts';
import type { KubeObject } from '../api/meta.ts';
import { type EpochMs, readClock } from '../lib/clock.ts';
import { callControl } from '../store/local/control-client.ts';
import { type LocalView, openLocalView } from '../store/local/local-view.ts';
import { problemText } from '../store/local/problem.ts';
import { SCALED_TO, UNMANAGED } from '../store/local/residents.ts';
import { StoreError } from '../store/store.ts';
import { type CliIo, complaint } from './io.ts';

/** Opens the state, hands it to `work`, and closes it. @throws {StoreError} `Unavailable`, `TooNew` */
export async function withState<T>(statePath: string, work: (view: LocalView) => Promise<T> | T): Promise<T> {
  const view = openLocalView({ statePath, kinds });
  try {
    return await work(view);
  } finally {
    view.close();
  }
}

/** Now, on the clock that the operator of this state runs on: ages are told by it. */
export function nowOf(view: LocalView, io: CliIo): EpochMs {
  const clock = view.owner()?.clock;
  return (clock === undefined ? io.clock : readClock(clock).clock).now();
}

/** Whether an operator owns the state and answers. */
export async function isOperatorRunning(statePath: string, io: CliIo): Promise<boolean> {
  try {
    await callControl({ statePath, clock: io.clock }, { op: 'ping' });
    return true;
  } catch (error) {
    if (error instanceof StoreError) return false;
    throw error;
  }
}

/** More problems than fit on a screen help nobody; `validate` prints them all. */
const MOST_PROBLEMS = 20;

/** Says on standard error what spoils the picture: faulty manifests, and that no operator keeps it up to date. */
export async function warnAboutState(view: LocalView, statePath: string, io: CliIo): Promise<void> {
  const problems = view.problems();
  for (const problem of problems.slice(0, MOST_PROBLEMS)) io.stderr(complaint(io, 'warning', problemText(problem)));
  const rest = problems.length - MOST_PROBLEMS;
  if (rest > 0) io.stderr(complaint(io, 'warning', `and ${rest} more; "aiops validate" prints all of them`));
  if (!(await isOperatorRunning(statePath, io))) {
    io.stderr(complaint(io, 'warning', `no operator is running on ${statePath}; this is how things were left`));
  }
}

/** What a person should know of an object and no column says; empty mostly. */
export function notesOf({ metadata }: KubeObject): readonly string[] {
  const { annotations, deletionTimestamp } = metadata;
  const scaledTo = annotations[SCALED_TO];
  return [
    ...(deletionTimestamp === undefined ? [] : ['deleting']),
    ...(scaledTo === undefined ? [] : [`scaled to ${scaledTo}`]),
    ...(annotations[UNMANAGED] === undefined ? [] : ['unmanaged: its manifest is gone']),
  ];
}
