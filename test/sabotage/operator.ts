import { Command } from 'commander';
import { createProcessIo } from '../../src/cli/io.ts';
import { runCommand } from '../../src/cli/run.ts';
import type { Cloud, CloudProvider } from '../../src/cloud/cloud.ts';
import { readClock } from '../../src/lib/clock.ts';
import { runOperator } from '../../src/wiring.ts';

// The operator, broken on purpose as SABOTAGE says, out of the parts of the real one: a judge that does not notice is none.

const breaks: Readonly<Record<string, (cloud: Cloud) => Cloud>> = {
  /** Says that machines are released, and releases none. */
  leak: (cloud) => ({ ...cloud, release: async (ids) => ids.map((id) => ({ id })) }),
  /** Buys everything once more with another token. */
  double: (cloud) => ({
    ...cloud,
    launch: async (order, signal) => {
      const ids = await cloud.launch(order, signal);
      await cloud.launch({ ...order, clientToken: `${order.clientToken}-2` }, signal);
      return ids;
    },
  }),
};

const breakIt = breaks[process.env['SABOTAGE'] ?? ''];
if (!breakIt) throw new Error(`SABOTAGE must be one of: ${Object.keys(breaks).join(', ')}`);
const decorateClouds = (clouds: CloudProvider): CloudProvider => ({
  async open(credentials, region, signal) {
    const { accountKey, cloud } = await clouds.open(credentials, region, signal);
    return { accountKey, cloud: breakIt(cloud) };
  },
});

const { clock, factor: clockFactor } = readClock(process.env['AIOPS_CLOCK']);
const io = createProcessIo(process, clock);
const run = runCommand(io, (settings) =>
  runOperator(settings, {
    process,
    env: process.env,
    clock,
    clockFactor,
    writeLog: (line) => process.stdout.write(line),
    hasColours: false,
    decorateClouds,
  }),
);
await new Command('operator').addCommand(run).parseAsync(process.argv.slice(2), { from: 'user' });
