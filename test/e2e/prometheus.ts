import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ROOT, start, until } from './process.ts';

/** An alert as Prometheus tells it. */
export interface Alert {
  readonly labels: Readonly<Record<string, string>> & { readonly alertname: string };
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: 'pending' | 'firing';
}

/** A real Prometheus that watches one target with our rules. */
export interface Prometheus {
  alerts(): Promise<readonly Alert[]>;
  /** The values of an instant query. */
  query(expr: string): Promise<readonly number[]>;
  stop(): Promise<void>;
}

const EVERY = '500ms';

/**
 * Starts Prometheus on a loopback port of its own choice, with what it keeps in `folder`.
 * @param faster all times of the rules are divided by that
 */
export async function startPrometheus(folder: string, port: number, faster: number): Promise<Prometheus> {
  const home = join(folder, 'prometheus');
  mkdirSync(home);
  const rules = readFileSync(join(ROOT, 'dashboards/rules/aiops-operator.rules.yaml'), 'utf8');
  writeFileSync(join(home, 'rules.yaml'), shortened(rules, faster));
  const config = {
    global: { scrape_interval: EVERY, scrape_timeout: EVERY, evaluation_interval: EVERY },
    rule_files: ['rules.yaml'],
    scrape_configs: [
      { job_name: 'aiops-operator', honor_labels: true, static_configs: [{ targets: [`127.0.0.1:${port}`] }] },
    ],
  };
  writeFileSync(join(home, 'prometheus.yaml'), stringify(config));
  const process = start([
    'prometheus',
    `--config.file=${join(home, 'prometheus.yaml')}`,
    `--storage.tsdb.path=${join(home, 'data')}`,
    '--web.listen-address=127.0.0.1:0',
    '--log.format=json',
  ]);
  const url = await until('Prometheus is ready', () => readyAt(process.stderr()));
  const ask = async (path: string): Promise<unknown> => {
    const answer = (await (await fetch(`${url}/api/v1/${path}`)).json()) as { status: string; data: unknown };
    if (answer.status !== 'success') throw new Error(`Prometheus: ${JSON.stringify(answer)}`);
    return answer.data;
  };
  return {
    alerts: async () => ((await ask('alerts')) as { alerts: Alert[] }).alerts,
    query: async (expr) => {
      const { result } = (await ask(`query?query=${encodeURIComponent(expr)}`)) as {
        result: { value: [number, string] }[];
      };
      return result.map(({ value }) => Number(value[1]));
    },
    async stop() {
      process.child.kill('SIGTERM');
      await process.ended;
    },
  };
}

/** The rules with every time in them divided: `for`, ranges, and seconds that are compared with an age. */
function shortened(rules: string, by: number): string {
  const unit: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000 };
  const shorter = (count: string, letter: string): string =>
    `${Math.ceil((Number(count) * (unit[letter] ?? 0)) / by)}ms`;
  return rules
    .replace(/\bfor: (\d+)([mh])$/gm, (_, count, letter) => `for: ${shorter(count, letter)}`)
    .replace(/\[(\d+)([mh])\]/g, (_, count, letter) => `[${shorter(count, letter)}]`)
    .replace(/(seconds > )(\d+)\)/g, (_, before, seconds) => `${before}${Number(seconds) / by})`);
}

/** Its address, which it writes down, once it answers. */
async function readyAt(log: string): Promise<string | undefined> {
  const line = log.split('\n').find((each) => each.includes('"Listening on"'));
  if (line === undefined) return undefined;
  const url = `http://${(JSON.parse(line) as { address: string }).address}`;
  return (await fetch(`${url}/-/ready`)).ok ? url : undefined;
}
