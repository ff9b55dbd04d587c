import { Command, InvalidArgumentError } from 'commander';
import { acceleratedClock, type Clock, systemClock } from '../../../src/lib/clock.ts';
import { type Assumptions, drawAssumptions, parseAssumption } from '../assumptions.ts';
import { createRandom } from '../random.ts';
import { type CvmSimulator, startCvmSimulator } from '../simulator.ts';
import type { AccountOptions } from '../world.ts';
import { journalLine } from './journal-text.ts';

interface ServeFlags {
  port: number;
  host: string;
  account: AccountOptions[];
  balance?: number;
  seed?: number;
  assume: Partial<Assumptions>[];
  clockFactor?: number;
  quiet?: boolean;
}

/** `aiops simulate cvm`: the simulator alone, for any Tencent SDK in any language. */
export function serveCommand(): Command {
  return new Command('cvm')
    .description('run the Tencent Cloud CVM simulator until Ctrl-C')
    .option('--port <port>', 'port of the API, of /_sim/ and of /_metadata/', toPort, 7070)
    .option('--host <host>', 'address to listen on', '127.0.0.1')
    .option('--account <id:key>', 'an account by its key; repeatable (default: xxx:xxx)', addAccount, [])
    .option('--balance <amount>', 'what each account has (default: 100)', toAmount)
    .option('--seed <n>', 'draw chance, and what the documents leave open, from this seed', toSeed)
    .option('--assume <name=value>', 'decide one point that the documents leave open; repeatable', addAssumption, [])
    .option('--clock-factor <factor>', 'world seconds that pass in a second; AIOPS_CLOCK shares a clock', toFactor)
    .option('--quiet', 'do not print the journal')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: ServeFlags) => serve(flags));
}

const EXAMPLES = `
Examples:
  $ aiops simulate cvm --port 7070 --account AKIDtest:secret --clock-factor 60
  $ aiops simulate cvm --seed 7                         every open point drawn from seed 7
  $ aiops simulate cvm --assume clientToken=ignored     retries buy twice
  $ aiops simulate reclaim --notice 2m                  in another terminal
`;

async function serve(flags: ServeFlags): Promise<void> {
  const clock = chooseClock(flags.clockFactor, process.env['AIOPS_CLOCK']);
  const drawn = flags.seed === undefined ? {} : drawAssumptions(createRandom(flags.seed));
  const keys = flags.account.length > 0 ? flags.account : [{ keys: [{ secretId: 'xxx', secretKey: 'xxx' }] }];
  const simulator = await startCvmSimulator({
    port: flags.port,
    host: flags.host,
    clock,
    ...(flags.seed === undefined ? {} : { seed: flags.seed }),
    assumptions: Object.assign({}, drawn, ...flags.assume) as Partial<Assumptions>,
    accounts: keys.map((account) => ({
      ...account,
      ...(flags.balance === undefined ? {} : { balance: flags.balance }),
    })),
  });
  const print = (text: string): void => void process.stdout.write(`${text}\n`);
  print(banner(simulator, keys, flags.seed));
  if (!flags.quiet) simulator.journal.watch((entry) => print(journalLine(entry)));
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  await simulator.close();
}

function banner(simulator: CvmSimulator, accounts: readonly AccountOptions[], seed: number | undefined): string {
  const ids = accounts.flatMap((account) => account.keys.map((key) => key.secretId)).join(', ');
  const lines = [
    `Tencent Cloud CVM simulator at ${simulator.url} (secret ids: ${ids})`,
    `  Node SDK   profile.httpProfile = { endpoint: '${simulator.endpoint}', protocol: 'http://' }`,
    `  Go, Python endpoint ${simulator.endpoint}, scheme HTTP`,
    `  Terraform  provider protocol = "HTTP", with HTTP_PROXY=${simulator.url}`,
    `  controls   aiops simulate state --sim ${simulator.url} (also reclaim, stock, balance, journal)`,
    `  metadata   ${simulator.url}/_metadata/INSTANCE/latest/meta-data/`,
  ];
  if (seed !== undefined) {
    const readings = Object.entries(simulator.assumptions).map(([name, value]) => `${name}=${value}`);
    lines.push(`  seed ${seed}     ${readings.join(' ')}`);
  }
  return lines.join('\n');
}

/** The world's clock: shared through `AIOPS_CLOCK` (`REALSTART,START,FACTOR`), accelerated by a factor, or the machine's own. */
export function chooseClock(factor: number | undefined, shared: string | undefined): Clock {
  if (shared) {
    if (factor !== undefined)
      throw new Error('AIOPS_CLOCK is set: leave --clock-factor out, the clock is shared already');
    const [realStart = Number.NaN, start = Number.NaN, speed = Number.NaN, ...rest] = shared.split(',').map(Number);
    if (rest.length > 0 || ![realStart, start, speed].every(Number.isFinite) || speed <= 0) {
      throw new Error(
        `AIOPS_CLOCK is "${shared}"; it must be REALSTART,START,FACTOR (milliseconds, milliseconds, a number above 0)`,
      );
    }
    return acceleratedClock({ realStart, start, factor: speed });
  }
  if (factor === undefined) return systemClock;
  const now = Date.now();
  return acceleratedClock({ realStart: now, start: now, factor });
}

function toPort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new InvalidArgumentError('a port is a whole number from 0 to 65535.');
}

function toAmount(text: string): number {
  const amount = Number(text);
  if (text !== '' && Number.isFinite(amount)) return amount;
  throw new InvalidArgumentError('an amount is a number such as 12.5.');
}

function toSeed(text: string): number {
  const seed = Number(text);
  if (text !== '' && Number.isSafeInteger(seed) && seed >= 0) return seed;
  throw new InvalidArgumentError('a seed is a whole number from 0.');
}

function toFactor(text: string): number {
  const factor = Number(text);
  if (text !== '' && Number.isFinite(factor) && factor > 0) return factor;
  throw new InvalidArgumentError('a factor is a number above 0, such as 60.');
}

function addAccount(text: string, before: AccountOptions[]): AccountOptions[] {
  const [secretId = '', secretKey = ''] = text.split(/:(.*)/s);
  if (secretId === '' || secretKey === '') throw new InvalidArgumentError('an account is written ID:KEY.');
  return [...before, { keys: [{ secretId, secretKey }] }];
}

function addAssumption(text: string, before: Partial<Assumptions>[]): Partial<Assumptions>[] {
  try {
    return [...before, parseAssumption(text)];
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}
