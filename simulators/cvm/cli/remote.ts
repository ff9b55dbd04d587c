import { Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../../../src/lib/duration.ts';
import type { JournalEntry } from '../journal.ts';
import type { InstanceView, WorldState } from '../state.ts';
import { journalLine } from './journal-text.ts';

const DEFAULT_SIMULATOR = 'http://127.0.0.1:7070';
const TIMEOUT_MS = 10_000;

/** The small commands that change and show a running simulator over its control API. */
export function remoteCommands(): readonly Command[] {
  return [reclaimCommand(), stockCommand(), balanceCommand(), stateCommand(), journalCommand()].map((command) =>
    command.addOption(
      new Option('--sim <url>', 'the simulator').env('AIOPS_SIM').default(DEFAULT_SIMULATOR).argParser(toBase),
    ),
  );
}

const print = (text: string): void => void process.stdout.write(`${text}\n`);

function reclaimCommand(): Command {
  return new Command('reclaim')
    .description('take a spot machine back, as the cloud does')
    .argument('[instance]', 'its id (default: any running spot machine)')
    .option('--pool <name>', 'any machine of this pool')
    .option('--notice <duration>', 'how long ahead the machine is told, in world time', toMs, 120_000)
    .action(async (instanceId: string | undefined, flags: { pool?: string; notice: number; sim: URL }) => {
      const answer = await ask<{ instanceId: string }>(flags.sim, 'POST', 'reclaim', {
        instanceId,
        poolName: flags.pool,
        noticeSeconds: flags.notice / 1000,
      });
      print(`${answer.instanceId} will be reclaimed ${flags.notice > 0 ? `in ${flags.notice / 1000} s` : 'at once'}`);
    });
}

function stockCommand(): Command {
  return new Command('stock')
    .description('set how many machines a zone has left; 0 sells it out')
    .argument('<zone>', 'for instance ap-singapore-2')
    .argument('<type>', 'for instance GN7.2XLARGE32')
    .argument('<count>', 'a whole number from 0', toCount)
    .option('--charge-type <type>', 'SPOTPAID or POSTPAID_BY_HOUR', 'SPOTPAID')
    .action(async (zone: string, instanceType: string, count: number, flags: { chargeType: string; sim: URL }) => {
      const { chargeType } = flags;
      await ask(flags.sim, 'POST', 'stock', { zone, instanceType, chargeType, count });
      print(`${zone} has ${count} ${instanceType} (${chargeType}) left`);
    });
}

function balanceCommand(): Command {
  return new Command('balance')
    .description("set an account's balance (write `-- -5` for less than nothing)")
    .argument('<amount>', 'in units of the currency', toAmount)
    .option('--account <name>', 'the account or one of its secret ids (default: the first)')
    .action(async (amount: number, flags: { account?: string; sim: URL }) => {
      await ask(flags.sim, 'POST', 'balance', { amount, account: flags.account });
      print(`the balance is ${amount}`);
    });
}

function stateCommand(): Command {
  return new Command('state')
    .description('show accounts, machines and stock')
    .option('--json', 'everything, as JSON')
    .action(async (flags: { json?: boolean; sim: URL }) => {
      const state = await ask<WorldState>(flags.sim, 'GET', 'state');
      print(flags.json ? JSON.stringify(state, null, 2) : stateText(state));
    });
}

function journalCommand(): Command {
  return new Command('journal')
    .description('show every call and event so far')
    .option('--since <seq>', 'only entries after this number', toCount, 0)
    .option('--json', 'one JSON document a line')
    .action(async (flags: { since: number; json?: boolean; sim: URL }) => {
      const entries = await ask<readonly JournalEntry[]>(flags.sim, 'GET', `journal?since=${flags.since}`);
      for (const entry of entries) print(flags.json ? JSON.stringify(entry) : journalLine(entry));
    });
}

/** The state as a page for people. */
export function stateText(state: WorldState): string {
  const machine = (view: InstanceView): string =>
    [
      view.id,
      view.state,
      view.zone,
      view.instanceType,
      view.chargeType,
      view.publicIp ?? view.privateIp ?? '-',
      view.name,
    ].join('  ');
  return [
    `world time ${new Date(state.now).toISOString()}`,
    ...state.accounts.map(
      (account) =>
        `account ${account.name}: balance ${account.balance}, frozen ${account.frozen}, ${account.perHour} an hour`,
    ),
    `machines: ${state.instances.length} (and ${state.gone.length} gone)`,
    ...state.instances.map((view) => `  ${machine(view)}`),
    'stock:',
    ...state.stock.map((row) => `  ${row.zone}  ${row.instanceType}  ${row.chargeType}  ${row.count}`),
  ].join('\n');
}

async function ask<T>(base: URL, method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
  let response: Response;
  try {
    response = await fetch(new URL(`/_sim/${path}`, base), {
      method,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body ? { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } } : {}),
    });
  } catch (error) {
    throw new Error(
      `no simulator answers at ${base.origin}; start one with "aiops simulate cvm", or name it with --sim or AIOPS_SIM`,
      { cause: error },
    );
  }
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok && answer !== undefined) return answer as T;
  const message = (answer as { error?: { message?: string } } | undefined)?.error?.message;
  throw new Error(message ?? `${base.origin} answered ${response.status}: is that a simulator?`);
}

function toBase(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new InvalidArgumentError('write a URL such as http://127.0.0.1:7070.');
}

function toMs(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

function toCount(text: string): number {
  const count = Number(text);
  if (text !== '' && Number.isSafeInteger(count) && count >= 0) return count;
  throw new InvalidArgumentError('write a whole number from 0.');
}

function toAmount(text: string): number {
  const amount = Number(text);
  if (text !== '' && Number.isFinite(amount)) return amount;
  throw new InvalidArgumentError('write a number such as 12.5.');
}
