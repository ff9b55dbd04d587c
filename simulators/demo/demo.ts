import { dirname } from 'node:path';
import { Command } from 'commander';
import { judge } from './judge.ts';
import { createNarrator } from './narrator.ts';
import { type DemoSettings, readSettings } from './settings.ts';
import { openStage, type Stage } from './stage.ts';
import { FIRST, runTour, SAMPLE, tryThis, waitForPools } from './tour.ts';

/** Minutes of a cloud become seconds; fast enough to watch, slow enough that two cores keep up. */
const FACTOR = 30;
/** What the manifests allow. Written here by hand: the judge takes nothing from the operator. */
const MAXIMA = new Map([
  [SAMPLE, 2],
  [FIRST, 3],
]);
/** As a shell reports a program that Ctrl-C has ended. */
const INTERRUPTED = 130;

/** `aiops demo`: the simulators and the operator on one clock. */
export function demoCommand(): Command {
  return new Command('demo')
    .description('a simulated cloud and the operator on one fast clock, to try everything without paying')
    .addHelpText(
      'after',
      `
Environment:
  DEMO_FOR=60s             run the tour by itself for at least so long, judge it, and end
  DEMO_SABOTAGE=leak       break the operator on purpose: it forgets to release machines
  DEMO_SABOTAGE=double     break the operator on purpose: it buys everything twice`,
    )
    .action(async (_flags: unknown, command: Command) => {
      process.exitCode = await demo(settingsOf(command), process);
    });
}

function settingsOf(command: Command): DemoSettings {
  try {
    return readSettings(process.env);
  } catch (error) {
    return command.error(`error: ${(error as Error).message}`, { exitCode: 2 });
  }
}

/** @returns the exit code */
async function demo({ tourMs, sabotage }: DemoSettings, process: NodeJS.Process): Promise<number> {
  const startedAt = Date.now();
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(1);
      stop.abort(new DOMException(`stopped by ${name}`, 'AbortError'));
    });
  }
  const hasColours = process.stdout.isTTY === true && (process.env['NO_COLOR'] ?? '') === '';
  const write = (text: string): void => void process.stdout.write(text);
  const root = dirname(dirname(import.meta.dirname));
  const stage = await openStage({
    root,
    factor: FACTOR,
    sabotage,
    narratorOf: (now) => createNarrator(write, now, hasColours),
  });
  try {
    write(introduction(stage, sabotage));
    if (tourMs === undefined) return await show(stage, stop.signal, write);
    return await tour(stage, startedAt + tourMs, stop.signal, write);
  } finally {
    await stage.close();
  }
}

function introduction(stage: Stage, sabotage: DemoSettings['sabotage']): string {
  const lines = [
    `A simulated Tencent Cloud at ${stage.simulator.url} and the operator, on one clock: ${FACTOR} seconds of the cloud pass in each second.`,
    ...(stage.simFlags === '' ? [] : ['Its usual port is taken, so the commands below name the simulator with --sim.']),
    ...(sabotage ? [`The operator is broken on purpose: ${sabotage}.`] : []),
  ];
  return `${lines.join('\n')}\n\n`;
}

/** Lets a person play until Ctrl-C. */
async function show(stage: Stage, signal: AbortSignal, write: (text: string) => void): Promise<number> {
  const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  try {
    await Promise.race([waitForPools(stage, signal), stopped]);
    if (!signal.aborted) write(tryThis(stage));
    await Promise.race([stopped, stage.broken]);
  } catch (error) {
    if (!signal.aborted) {
      write(`demo: broken: ${(error as Error).message}\n`);
      return 1;
    }
  }
  write('\nstopping\n');
  return 0;
}

/** Takes the tour and judges it. Prints `demo: ok …`, or what broke. */
async function tour(stage: Stage, endsAt: number, signal: AbortSignal, write: (text: string) => void): Promise<number> {
  const problems: string[] = [];
  try {
    await waitForPools(stage, signal);
    write(tryThis(stage));
    await runTour(stage, endsAt, signal);
  } catch (error) {
    if (signal.aborted) {
      write(`demo: ${(signal.reason as Error).message} before its end; this proves nothing\n`);
      return INTERRUPTED;
    }
    problems.push((error as Error).message);
  }
  // What it still says while it stops belongs before the verdict.
  await stage.close();
  // Whatever the operator says: both pools are deleted at the end, so no machine of theirs may be left. A tour cut short
  // has not deleted them; then only those count that the operator itself believes to have released.
  const isGone = (_pool: string, id: string): boolean => problems.length === 0 || isSaidToBeReleased(stage, id);
  const verdict = judge(stage.simulator.journal.entries, MAXIMA, isGone);
  const { bought, reclaimed, released, leaked, faults } = verdict;
  const counts = `bought ${bought}, reclaimed ${reclaimed}, released ${released}, leaked ${leaked.length}`;
  const all = [...faults, ...problems];
  if (all.length === 0) {
    write(`demo: ok ${counts}\n`);
    return 0;
  }
  for (const problem of all) write(`demo: broken: ${problem}\n`);
  write(`demo: broken ${counts}\n`);
  return 1;
}

function isSaidToBeReleased({ decisions }: Stage, id: string): boolean {
  return decisions.some(({ reason, note }) => reason === 'Released' && note.startsWith(`${id} `));
}
