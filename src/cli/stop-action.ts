import { existsSync } from 'node:fs';
import type { SpotPool } from '../api/spotpool.ts';
import { SpotPoolKind } from '../api/spotpool.ts';
import { type EpochMs, sleep } from '../lib/clock.ts';
import { openStopSwitch, type Stopped } from '../store/local/stop-switch.ts';
import { StoreError } from '../store/store.ts';
import { CliError } from './cli-error.ts';
import type { CliIo } from './io.ts';
import { isOperatorRunning, nowOf, withState } from './state.ts';
import { kindRefOf } from './target.ts';
import { printable } from './text.ts';

/** How long the pools are looked at for a sign that the operator has noticed. It obeys whether they show it or not. */
const NOTICE_WITHIN_MS = 5000;
const LOOK_EVERY_MS = 250;

/**
 * Throws the switch, and says whether an operator has noticed.
 * @throws {CliError} when there is nothing of an operator there; {StoreError} when the switch cannot be thrown
 */
export async function stopAll(statePath: string, io: CliIo): Promise<void> {
  const toggle = openStopSwitch(statePath);
  // A stop that nobody obeys, because of a wrong path, would be worse than an error.
  if (!existsSync(statePath)) throw nothingThere(statePath);
  const before = toggle.read();
  toggle.set(userOf(io), await timeOf(statePath, io));
  io.stdout(
    before
      ? `was stopped already, ${sinceText(before)}\n`
      : 'stopped: nothing is bought, released or taken out of a gateway until "aiops start --all"\n',
  );
  await tellNotice(statePath, 'True', io);
}

/** Takes the switch back. Throws what {@link stopAll} does. */
export async function startAll(statePath: string, io: CliIo): Promise<void> {
  const toggle = openStopSwitch(statePath);
  const before = toggle.read();
  if (!before && !existsSync(statePath)) throw nothingThere(statePath);
  toggle.clear();
  io.stdout(
    before ? `started: pools buy and release again; they had been stopped ${sinceText(before)}\n` : 'was not stopped\n',
  );
  await tellNotice(statePath, 'False', io);
}

function nothingThere(statePath: string): CliError {
  return new CliError(`there is no state of aiops at ${statePath}; name the state file of the operator with --state`);
}

/** Of the operator's own clock; a state that cannot be read must not keep anybody from stopping. */
async function timeOf(statePath: string, io: CliIo): Promise<EpochMs> {
  return await withState(statePath, (view) => nowOf(view, io)).catch(() => io.clock.now());
}

function sinceText({ since, by }: Stopped): string {
  return printable(`since ${since}${by === undefined ? '' : ` by ${by}`}`);
}

function userOf({ env }: CliIo): string | undefined {
  return [env['SUDO_USER'], env['USER'], env['LOGNAME']].find((name) => name !== undefined && name !== '');
}

async function tellNotice(statePath: string, wanted: 'True' | 'False', io: CliIo): Promise<void> {
  if (!(await isOperatorRunning(statePath, io))) {
    io.stdout('no operator is running; the next one obeys from its start\n');
    return;
  }
  const pending = await poolsWithout(statePath, wanted, io).catch((error: unknown) => {
    if (error instanceof StoreError) return undefined;
    throw error;
  });
  io.stdout(
    pending?.length === 0
      ? 'the operator has noticed\n'
      : 'the operator runs and obeys from its next call on; its pools show it when they are looked at next\n',
  );
}

/** The pools whose condition `Stopped` does not say so yet, after waiting a while for it. */
async function poolsWithout(statePath: string, wanted: 'True' | 'False', io: CliIo): Promise<readonly string[]> {
  const { clock, signal } = io;
  const end = clock.monotonic() + NOTICE_WITHIN_MS;
  return withState(statePath, async (view) => {
    for (;;) {
      const pools = view.list(kindRefOf(SpotPoolKind)) as readonly SpotPool[];
      const pending = pools.filter((pool) => stoppedOf(pool) !== wanted).map(({ metadata }) => metadata.name);
      if (pending.length === 0 || clock.monotonic() >= end) return pending;
      await sleep(clock, LOOK_EVERY_MS, signal);
    }
  });
}

function stoppedOf({ status }: SpotPool): 'True' | 'False' {
  const condition = status?.conditions?.find(({ type }) => type === 'Stopped');
  return condition?.status === 'True' ? 'True' : 'False';
}
