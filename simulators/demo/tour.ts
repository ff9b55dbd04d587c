import type { JournalEntry } from '../cvm/journal.ts';
import type { Stage } from './stage.ts';

/** How long a step may take to show its effect, in real milliseconds. */
const STEP_WITHIN_MS = 40_000;
const LOOK_EVERY_MS = 250;

export const FIRST = 'default/spotpool-first';
export const SAMPLE = 'default/spotpool-sample';

/** A pool as `aiops get -o json` shows it: the part that the tour looks at. */
interface ShownPool {
  readonly metadata: { readonly name: string };
  readonly status?: {
    readonly size?: number;
    readonly ready?: number;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string }[];
  };
}

/** Something to try: what it shows, the commands, and how one knows that it has worked. */
interface Try {
  readonly title: string;
  readonly commands: readonly string[];
  /** True once the effect can be seen; `since`: what the cloud has written down since the commands. */
  readonly isDone: (pools: Pools, since: readonly JournalEntry[]) => boolean;
}

type Pools = ReadonlyMap<string, ShownPool>;

const conditionOf = (pool: ShownPool | undefined, type: string): string => {
  const found = pool?.status?.conditions?.find((condition) => condition.type === type);
  return found ? `${found.status} ${found.reason}` : '';
};
const isPurchase = (entry: JournalEntry): boolean =>
  entry.kind === 'call' && entry.action === 'RunInstances' && entry.result === 'ok';
const isSettled = (pools: Pools, name: string, size: number): boolean => {
  const status = pools.get(name)?.status;
  return status?.size === size && status.ready === size;
};

/** The tour; what it prints under "try this" and what it does by itself are the same lines. */
export function tourOf({ simFlags, stateFlags }: Pick<Stage, 'simFlags' | 'stateFlags'>): readonly Try[] {
  const simulate = (words: string): string => `bin/aiops simulate ${words}${simFlags}`;
  const aiops = (words: string): string => `bin/aiops ${words}${stateFlags}`;
  return [
    {
      title: 'reclaim a machine: a replacement is bought',
      commands: [simulate('reclaim --pool spotpool-sample')],
      isDone: (pools, since) => isSettled(pools, 'spotpool-sample', 2) && since.some(isPurchase),
    },
    {
      title: 'sell the zone out, then lose a machine: the pool waits and says so',
      commands: [
        simulate('stock ap-singapore-2 GN7.2XLARGE32 0'),
        simulate('reclaim --pool spotpool-sample --notice 0s'),
      ],
      isDone: (pools) => conditionOf(pools.get('spotpool-sample'), 'CapacityAvailable') === 'False SoldOut',
    },
    {
      title: 'stock comes back: the pool fills itself',
      commands: [simulate('stock ap-singapore-2 GN7.2XLARGE32 20')],
      isDone: (pools) => isSettled(pools, 'spotpool-sample', 2),
    },
    {
      title: 'empty the account, then want more: nothing is bought, and it says why',
      commands: [simulate('balance 0'), aiops('scale spotpool spotpool-first --replicas 2')],
      isDone: (pools) => conditionOf(pools.get('spotpool-first'), 'Stalled') === 'True InsufficientBalance',
    },
    {
      title: 'top it up and scale on',
      commands: [simulate('balance 100'), aiops('scale spotpool spotpool-first --replicas 3')],
      isDone: (pools) => isSettled(pools, 'spotpool-first', 3),
    },
    {
      title: 'scale back: the youngest machines drain and leave',
      commands: [aiops('scale spotpool spotpool-first --replicas 1')],
      isDone: (pools) => isSettled(pools, 'spotpool-first', 1),
    },
    {
      title: 'delete it: the command returns when the last machine is gone',
      commands: [aiops('delete spotpool spotpool-first')],
      isDone: (pools) => !pools.has('spotpool-first'),
    },
  ];
}

/** The block that a person sees. */
export function tryThis(stage: Stage): string {
  const lines = tourOf(stage).flatMap(({ title, commands }) => [
    `  # ${title}`,
    ...commands.map((command) => `  ${command}`),
  ]);
  const look = [
    `  bin/aiops get spotpools${stage.stateFlags}`,
    `  bin/aiops describe spotpool spotpool-sample${stage.stateFlags}`,
  ];
  return `\ntry this, in another terminal, in this folder:\n\n  # look\n${[...look, ...lines].join('\n')}\n\nCtrl-C stops everything.\n\n`;
}

/** Waits until both pools have what they want at first. */
export async function waitForPools(stage: Stage, signal: AbortSignal): Promise<void> {
  await until(
    stage,
    'both pools are up',
    (pools) => isSettled(pools, 'spotpool-sample', 2) && isSettled(pools, 'spotpool-first', 1),
    signal,
  );
}

/** Runs the whole tour, then loses machines until `endsAt` (real time), then deletes what is left. */
export async function runTour(stage: Stage, endsAt: number, signal: AbortSignal): Promise<void> {
  const [reclaim] = tourOf(stage);
  for (const step of tourOf(stage)) await take(stage, step, signal);
  while (reclaim && Date.now() < endsAt) await take(stage, reclaim, signal);
  await take(
    stage,
    {
      title: 'delete the other pool too: nothing may be left',
      commands: [`bin/aiops delete spotpool spotpool-sample${stage.stateFlags}`],
      isDone: (pools) => pools.size === 0,
    },
    signal,
  );
}

async function take(stage: Stage, { title, commands, isDone }: Try, signal: AbortSignal): Promise<void> {
  stage.narrator.say('demo', title, 'cyan');
  const before = stage.simulator.journal.entries.length;
  for (const command of commands) {
    signal.throwIfAborted();
    stage.narrator.say('demo', `$ ${command}`);
    const { code, stdout, stderr } = await within(stage.run(command), `"${command}"`, stage);
    for (const line of `${stdout}${stderr}`.split('\n').filter((text) => text !== ''))
      stage.narrator.say('demo', `  ${line}`);
    if (code !== 0) throw new Error(`"${command}" ended with code ${code}`);
  }
  await until(stage, title, (pools) => isDone(pools, stage.simulator.journal.entries.slice(before)), signal);
}

async function until(
  stage: Stage,
  what: string,
  isDone: (pools: Pools) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const giveUpAt = Date.now() + STEP_WITHIN_MS;
  for (;;) {
    signal.throwIfAborted();
    if (isDone(await readPools(stage))) return;
    if (Date.now() > giveUpAt) throw new Error(`"${what}" has not happened within ${STEP_WITHIN_MS / 1000} s`);
    await Promise.race([new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS)), stage.broken]);
  }
}

function within<T>(work: Promise<T>, what: string, stage: Stage): Promise<T> {
  const late = new Promise<never>((_resolve, reject) => {
    setTimeout(
      () => reject(new Error(`${what} has not ended within ${STEP_WITHIN_MS / 1000} s`)),
      STEP_WITHIN_MS,
    ).unref();
  });
  return Promise.race([work, late, stage.broken]);
}

async function readPools(stage: Stage): Promise<Pools> {
  const { code, stdout } = await stage.run(`bin/aiops get spotpools -o json${stage.stateFlags}`);
  if (code !== 0) return new Map();
  const { items } = JSON.parse(stdout) as { items: readonly ShownPool[] };
  return new Map(items.map((pool) => [pool.metadata.name, pool]));
}
