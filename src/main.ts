import { adoptCommand } from './cli/adopt.ts';
import { createProcessIo, outliveOutput, wantsColours } from './cli/io.ts';
import type { OpenCloudFor } from './cli/plan.ts';
import { planCommand } from './cli/plan.ts';
import { createProgram, runProgram } from './cli/program.ts';
import { runCommand } from './cli/run.ts';
import { readClock } from './lib/clock.ts';
import type { OperatorSettings } from './wiring.ts';

const { clock, factor } = readClock(process.env['AIOPS_CLOCK']);
const io = createProcessIo(process, clock);

// What only some commands need is loaded by those.
const start = async (settings: OperatorSettings): Promise<void> => {
  outliveOutput(process);
  const { runOperator } = await import('./wiring.ts');
  await runOperator(settings, {
    process,
    env: process.env,
    clock,
    clockFactor: factor,
    writeLog: (line) => process.stdout.write(line),
    hasColours: wantsColours(process.env, process.stdout.isTTY === true),
  });
  // Everything has been stopped in order and within its grace; what hangs even then must not keep the process.
  process.exit(0);
};

const openCloudFor: OpenCloudFor = async (pool, settings, { readSecret }) => {
  const { createClouds, createCredentials } = await import('./wiring.ts');
  const edges = { env: process.env, clock, clockFactor: factor };
  const { clouds, egress } = createClouds(settings, edges);
  return clouds.open(createCredentials(readSecret, { ...edges, egress })(pool), pool.spec.region, io.signal);
};

const program = createProgram(io, [
  runCommand(io, start),
  planCommand(io, openCloudFor),
  adoptCommand(io, openCloudFor),
]);
process.exitCode = await runProgram(program, process.argv.slice(2), io);
