import { onTestFinished } from 'vitest';
import type { Assumptions } from '../../simulators/cvm/assumptions.ts';
import { startCvmSimulator } from '../../simulators/cvm/simulator.ts';
import { createFakeClock } from '../../test/builders/fake-clock.ts';
import type { offering } from '../../test/builders/launch-order.ts';
import { createEgress } from '../lib/egress.ts';
import { type CloudDelays, type CloudWeather, describeCloud } from './cloud.contract.ts';
import type { Cloud } from './cloud.ts';
import { createMemoryCloud } from './memory.ts';
import { inlineCredentials } from './tencent/credentials.ts';
import { createTencentProvider } from './tencent/provider.ts';

async function memory({ tagsMs = 0, listMs = 0 }: CloudDelays = {}): Promise<{ cloud: Cloud; weather: CloudWeather }> {
  const clock = createFakeClock();
  const { cloud, weather, calls, alive } = createMemoryCloud({ clock, random: Math.random });
  weather.delayTags(tagsMs);
  weather.delayListing(listMs);
  weather.setQuota('ap-singapore-2', 50);
  weather.forget('img-00000000');
  return {
    cloud,
    weather: {
      sellOut: (what) => weather.setStock(what, 0),
      restock: (what) => weather.setStock(what, 10),
      emptyAccount: weather.emptyAccount,
      topUp: weather.topUp,
      failLaunch: () => weather.failLaunches(true),
      loseAnswerToLaunch: () => weather.loseAnswers('launch'),
      forbid: (method) => weather.refuse(method, 'PermissionDenied', 100),
      hide: weather.hide,
      endMachine: weather.endMachine,
      pass: (ms) => clock.advance(ms),
      finish: (work) => work,
      sweeps: () => calls.filter(({ method }) => method === 'sweep').length,
      alive: () => alive().length,
    },
  };
}

const ACTIONS = {
  launch: 'RunInstances',
  sweep: 'DescribeInstances',
  release: 'TerminateInstances',
  claim: 'TagResources',
} as const;

async function tencent(
  assumptions: Partial<Assumptions>,
  { tagsMs = 0, listMs = 0 }: CloudDelays = {},
): Promise<{ cloud: Cloud; weather: CloudWeather }> {
  const clock = createFakeClock({ busy: () => simulator.inFlight });
  const exactly = (ms: number): [number, number] => [ms, ms];
  const simulator = await startCvmSimulator({
    clock,
    machines: false,
    assumptions,
    rateFactor: Number.POSITIVE_INFINITY,
    timing: {
      appear: exactly(listMs),
      tags: exactly(tagsMs),
      pending: exactly(20_000),
      terminating: exactly(10_000),
      reclaimed: exactly(0),
    },
  });
  onTestFinished(() => simulator.close());
  const provider = createTencentProvider({
    site: 'international',
    endpoint: simulator.url,
    egress: createEgress({ mode: 'loopback' }),
    clock,
    random: Math.random,
  });
  const signal = new AbortController().signal;
  const { cloud } = await provider.open(inlineCredentials('xxx', 'xxx'), 'ap-singapore', signal);
  const stock = (count: number) => (what: ReturnType<typeof offering>) =>
    simulator.setStock(what.zone, what.instanceType, what.chargeType, count);
  return {
    cloud,
    weather: {
      sellOut: stock(0),
      restock: stock(10),
      emptyAccount: () => simulator.setBalance(undefined, 0),
      topUp: () => simulator.setBalance(undefined, 100),
      failLaunch: () => simulator.failLaunches(1),
      loseAnswerToLaunch: () => void simulator.addFault({ action: 'RunInstances', kind: 'reset-after' }),
      forbid: (method) =>
        simulator.setPermissions(
          'xxx',
          Object.values(ACTIONS).filter((action) => action !== ACTIONS[method]),
        ),
      hide: (id) => void simulator.shortenLists({ ids: [id], times: 'always', byIdToo: true }),
      endMachine: (id) => simulator.reclaim(id, { noticeMs: 0 }),
      pass: (ms) => clock.advance(ms),
      async finish(work) {
        let isOver = false;
        const over = (): void => {
          isOver = true;
        };
        work.then(over, over);
        while (!isOver) {
          await new Promise((resolve) => setTimeout(resolve, 4));
          // Only where something waits for time, such as a second attempt.
          if (!isOver && clock.waiting > 0 && simulator.inFlight === 0) await clock.advance(20);
        }
        return await work;
      },
      sweeps: () =>
        simulator.journal.entries.filter(
          (entry) =>
            entry.kind === 'call' &&
            entry.action === 'DescribeInstances' &&
            JSON.stringify(entry.body).includes('tag-key'),
        ).length,
      alive: () =>
        simulator.state().instances.filter(({ state }) => !['LAUNCH_FAILED', 'SHUTDOWN', 'TERMINATING'].includes(state))
          .length,
    },
  };
}

/** What the vendor's documents leave open, read otherwise than the simulator does by default. */
const otherReadings: Partial<Assumptions> = {
  unknownTagFilter: 'error',
  reclaimed: 'vanishes',
  soldOutCode: 'InvalidParameterValue.InsufficientOffering',
  terminateBatch: 'partial',
  spotPriceField: 'UnitPrice',
  spotChargeTypeFilter: 'ignored',
  listOrder: 'shuffled',
  hourlyTerminate: 'recycle-bin',
};

describeCloud('the in-memory cloud', memory);
describeCloud('Tencent CVM over HTTP', (delays) => tencent({}, delays));
describeCloud('Tencent CVM over HTTP, read otherwise', (delays) => tencent(otherReadings, delays));
