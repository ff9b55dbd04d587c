import { randomUUID } from 'node:crypto';
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { judge } from '../../simulators/demo/judge.ts';
import { createLedger, judgeEnd } from '../scenarios/crash-points/judge.ts';
import { settleStrangers } from '../scenarios/crash-points/strangers.ts';
import { processes, until } from './process.ts';
import { openWorld, SECRET_ID, SECRET_KEY, type World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(() => world.close());

/** Waits until the pool has exactly so many machines, all of them ready. */
const settled = (name: string, size: number): Promise<unknown> =>
  until(`${name} has ${size} ready machines`, async () => {
    const status = await world.poolStatus(name);
    return status?.size === size && status.ready === size && world.alive().length === size;
  });

/** What a pool has cost so far is written every five minutes: on a fast clock that is between any two looks. */
function withoutSpend({ metadata, status, ...rest }: Record<string, object>): object {
  return { ...rest, metadata: { ...metadata, resourceVersion: '' }, status: { ...status, spend: undefined } };
}

describe('a running operator', () => {
  it('fills a pool, shows it, scales it and deletes it', async () => {
    world.writePool('web', { minimum: 1, maximum: 3 });
    const operator = world.operate();
    await operator.started();
    await settled('web', 1);

    const table = await world.aiops('get', 'spotpools');
    expect(table).toMatchObject({ code: 0, stderr: '' });
    expect(table.stdout).toMatch(/^NAME +.*READY/);
    expect(table.stdout).toMatch(/^web +/m);
    const wide = await world.aiops('get', 'sp', '-o', 'wide');
    const header = (text: string): number =>
      text
        .split('\n')[0]
        ?.trim()
        .split(/\s{2,}/).length ?? 0;
    expect(header(wide.stdout)).toBeGreaterThan(header(table.stdout));
    const json = withoutSpend(JSON.parse((await world.aiops('get', 'sp', 'web', '-o', 'json')).stdout));
    const yaml = withoutSpend(parse((await world.aiops('get', 'sp', 'web', '-o', 'yaml')).stdout));
    expect(json).toMatchObject({ kind: 'SpotPool', metadata: { name: 'web' }, status: { size: 1, ready: 1 } });
    expect(yaml).toEqual(json);
    const described = await world.aiops('describe', 'spotpool', 'web');
    expect(described).toMatchObject({ code: 0, stderr: '' });
    for (const word of [...world.alive(), 'Launched', 'MachineReady']) expect(described.stdout).toContain(word);

    const watcher = world.startAiops('get', 'sp', 'web', '-w');
    await watcher.sees(/^web /m);
    expect(await world.aiops('scale', 'sp', 'web', '--replicas', '3')).toMatchObject({ code: 0, stderr: '' });
    await settled('web', 3);
    const rows = (): number => watcher.stdout().trim().split('\n').length;
    await until('the watch shows the changes', () => rows() > 2);
    watcher.child.kill('SIGINT');
    expect(await watcher.ended).toMatchObject({ code: 0, signal: null, stderr: '' });

    const deleted = await world.aiops('delete', 'sp', 'web');
    expect(deleted).toMatchObject({ code: 0, stdout: 'spotpool.demo.aiops.org "web" deleted\n', stderr: '' });
    expect(world.alive()).toEqual([]);
    expect((await world.aiops('get', 'sp')).stdout).toBe('');
    const { bought, released, leaked, faults } = judge(
      world.simulator.journal.entries,
      new Map([['default/web', 3]]),
      () => true,
    );
    expect({ bought, released, leaked, faults }).toEqual({ bought: 3, released: 3, leaked: [], faults: [] });
    expect(await operator.stop()).toMatchObject({ code: 0, stderr: '' });
  });

  it('can be looked at while it is stopped, and asked to change nothing', async () => {
    world.writePool('web', { minimum: 1, maximum: 2 });
    const operator = world.operate();
    await settled('web', 1);
    await operator.stop();

    for (const args of [
      ['get', 'sp'],
      ['get', 'sp', '-o', 'wide'],
      ['get', 'sp', 'web', '-o', 'yaml'],
      ['describe', 'sp', 'web'],
    ]) {
      const { code, stdout, stderr } = await world.aiops(...args);
      expect({ args, code, stdout, stderr }).toEqual({
        args,
        code: 0,
        stdout: expect.stringContaining('web'),
        stderr: expect.stringContaining('no operator is running'),
      });
    }
    for (const args of [
      ['scale', 'sp', 'web', '--replicas', '2'],
      ['delete', 'sp', 'web'],
    ]) {
      const { code, stderr } = await world.aiops(...args);
      expect({ args, code, stderr }).toEqual({
        args,
        code: 1,
        stderr: expect.stringMatching(/^error: .*no operator.*\n$/i),
      });
    }
    expect(world.alive()).toHaveLength(1);
  });

  it('is alone on its state: a second one is refused, and the first goes on', async () => {
    world.writePool('web', { minimum: 1, maximum: 1 });
    const first = world.operate();
    await first.started();
    const { code, stderr } = await world.operate().ended;
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^error: .*another.*\n$/i) });
    expect(stderr).toContain(world.state);
    await settled('web', 1);
    expect(await first.stop()).toMatchObject({ code: 0 });
  });

  it('picks up a manifest that is added, changed or broken while it runs', async () => {
    const operator = world.operate();
    await operator.started();
    world.writePool('late', { minimum: 1, maximum: 1 });
    await settled('late', 1);
    world.writePool('late', { minimum: 2, maximum: 2 });
    await settled('late', 2);
    writeFileSync(join(world.folder, 'manifests/late.yaml'), 'kind: [SpotPool');
    const warned = await until('get warns about the file', async () => {
      const { stderr } = await world.aiops('get', 'sp');
      return stderr !== '' && stderr;
    });
    expect(warned).toMatch(/^warning: .*late\.yaml:1/);
    expect(world.alive()).toHaveLength(2);
  });
});

describe('all pools stopped from the command line', () => {
  it('buy nothing, also after a restart, until they are started; history says why they bought then', async () => {
    world.writePool('web', { minimum: 1, maximum: 1 });
    const first = world.operate();
    await first.started();
    await settled('web', 1);
    expect(await world.aiops('stop', '--all')).toMatchObject({ code: 0, stderr: '' });
    const purchases = (): number =>
      world.simulator.journal.entries.filter((entry) => entry.kind === 'call' && entry.action === 'RunInstances')
        .length;
    const before = purchases();
    const [lost = ''] = world.alive();
    world.simulator.reclaim(lost, { noticeMs: 0 });
    await first.sees(/"msg":"WouldBuy"/);
    expect(await first.stop()).toMatchObject({ code: 0 });
    const second = world.operate();
    await second.started();
    await until('it is shown', async () =>
      (await world.poolStatus('web'))?.conditions?.some(({ type, status }) => type === 'Stopped' && status === 'True'),
    );
    // Three minutes of its clock: nine looks.
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect([purchases(), world.alive()]).toEqual([before, []]);

    expect(await world.aiops('start', '--all')).toMatchObject({ code: 0, stderr: '' });
    await settled('web', 1);
    expect(await second.stop()).toMatchObject({ code: 0 });
    const { code, stdout } = await world.aiops('history', 'web', '--since', '24h');
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`Launched +${world.alive()[0]} .*MachineLost ${lost}; 0 of 1 alive`));
  });
});

describe('the servers of an operator', () => {
  it('tell its health and its metrics', async () => {
    world.writePool('web', { minimum: 1, maximum: 1 });
    const { health, metrics } = await world.operate().started();
    await settled('web', 1);
    const ask = async (port: number, path: string) => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`);
      return { status: answer.status, text: await answer.text() };
    };
    expect(await ask(health, '/healthz')).toEqual({ status: 200, text: 'ok\n' });
    expect(await ask(health, '/readyz')).toEqual({ status: 200, text: 'ok\n' });
    const { status, text } = await ask(metrics, '/metrics');
    expect(status).toBe(200);
    expect(text).toMatch(/^controller_runtime_reconcile_total\{[^}]*controller="spotpool"[^}]*\} [1-9]/m);
    expect(text).toMatch(/^aiops_cloud_calls_total\{[^}]*action="RunInstances"[^}]*\} 1$/m);
    expect(text).toMatch(/^process_resident_memory_bytes [1-9]/m);
  });

  it.each(['--metrics-port', '--health-port'])('name %s when its port is in use', async (flag) => {
    const squatter = createServer();
    const port = await new Promise<number>((resolve) =>
      squatter.listen(0, '127.0.0.1', () => resolve((squatter.address() as { port: number }).port)),
    );
    try {
      const { code, stderr } = await world.operate(flag, String(port)).ended;
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^error: .*\n$/) });
      expect(stderr).toContain(`${flag} ${port}: the port is in use`);
    } finally {
      squatter.close();
    }
  });
});

describe('what an operator writes', () => {
  it('is JSON line by line, and nothing anywhere shows the key', async () => {
    world.writePool('web', { minimum: 1, maximum: 1 });
    const operator = world.operate('--log-level', 'debug');
    await operator.started();
    await settled('web', 1);
    // Errors are where keys slip through: the cloud refuses the key, and a manifest that holds it is broken.
    world.simulator.rotateKey(SECRET_ID, 'another');
    world.writePool('web', { minimum: 2, maximum: 2 });
    writeFileSync(
      join(world.folder, 'manifests/broken.yaml'),
      `apiVersion: demo.aiops.org/v1\nkind: SpotPool\nmetadata: {name: broken}\nspec: {secretKey: ${SECRET_KEY}, minimum: x}\n`,
    );
    await until('the refusal is shown', async () =>
      (await world.poolStatus('web'))?.conditions?.some(
        ({ type, status }) => type === 'CredentialsValid' && status === 'False',
      ),
    );
    const shown = await Promise.all([
      world.aiops('get', 'sp', '-o', 'yaml'),
      world.aiops('get', 'sp', '-o', 'json'),
      world.aiops('get', 'sp', '-o', 'wide'),
      world.aiops('describe', 'sp', 'web'),
      world.aiops('get', 'sp', 'nothing', '--debug'),
    ]);
    const ended = await operator.stop();
    expect(ended).toMatchObject({ code: 0, stderr: '' });

    const lines = ended.stdout.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(10);
    for (const line of lines) {
      expect(JSON.parse(line)).toMatchObject({
        level: expect.any(String),
        time: expect.any(String),
        msg: expect.any(String),
      });
    }
    for (const { stdout, stderr } of [ended, ...shown]) expect(stdout + stderr).not.toContain(SECRET_KEY);
    for (const name of readdirSync(world.folder).filter((entry) => entry.startsWith('state.db'))) {
      // A socket has nothing to read.
      const content = name.endsWith('.sock') ? '' : readFileSync(join(world.folder, name), 'latin1');
      expect({ name, hasKey: content.includes(SECRET_KEY) }).toEqual({ name, hasKey: false });
    }
  });
});

describe('the end of an operator', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('%s stops it in order, with a machine on its way', async (signal) => {
    world.writePool('web', { minimum: 1, maximum: 1 });
    const operator = world.operate();
    await operator.sees(/"msg":"Launched"/);
    const since = Date.now();
    const { code, stdout, stderr } = await operator.stop(signal);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n').at(-1)).toContain('"msg":"stopped"');
    // 30 seconds of its clock.
    expect(Date.now() - since).toBeLessThan(5000);
    expect(processes().some(({ command }) => command.includes(world.state))).toBe(false);
    expect(world.alive()).toHaveLength(1);
  });

  it('waits for a purchase that is under way, and a second signal ends it at once', async () => {
    world.writePool('web', { minimum: 1, maximum: 1 });
    world.simulator.addFault({ action: 'RunInstances', kind: 'hang' });
    const operator = world.operate();
    await until('the purchase hangs', () => world.simulator.hanging > 0);
    operator.child.kill('SIGTERM');
    await operator.sees(/"msg":"stopping"/);
    operator.child.kill('SIGTERM');
    const { code, stdout } = await operator.ended;
    expect(code).toBe(1);
    expect(stdout).toContain('told to stop twice');
    expect(stdout).not.toContain('"msg":"stopped"');
  });
});

describe('an operator that is killed again and again', () => {
  const LIVES = 20;
  const OTHERS = { secretId: 'AKIDsomebody', secretKey: 'secret-of-somebody' } as const;

  it.each(['honoured', 'ignored'] as const)(
    'ends with exactly the wanted machines, none bought twice, none leaked, none of others touched; client token: %s',
    async (clientToken) => {
      await world.close();
      world = await openWorld({ assumptions: { clientToken } });
      const { simulator } = world;
      simulator.addKey(SECRET_ID, OTHERS);
      await settleStrangers(simulator, randomUUID(), OTHERS);
      const strangers = world.alive();
      const ours = (): readonly string[] => world.alive().filter((id) => !strangers.includes(id));
      const wishes = [{ at: 0, machines: 3 }];
      const ledger = createLedger({ key: SECRET_ID, maximum: 3, wishes });
      const damage = (): readonly string[] => {
        ledger.read(simulator.journal.entries);
        return ledger.damage;
      };
      world.writePool('pool', { minimum: 3, maximum: 3 });
      // More machines are lost here than the usual limit lets a pool replace.
      appendFileSync(join(world.folder, 'manifests/pool.yaml'), '\n  limits: { launchesPerHour: 1000 }\n');
      const moments: string[] = [];
      for (let life = 0; life < LIVES; life += 1) {
        // Each life has something to buy.
        const [victim] = ours();
        if (victim !== undefined) simulator.reclaim(victim, { noticeMs: 0 });
        const operator = world.operate();
        const delayMs = Math.round(Math.random() * 60);
        const moment = ['decision', 'purchase', 'start'][life % 3] ?? 'start';
        moments.push(`${moment} +${delayMs} ms`);
        if (moment === 'decision') await operator.sees(/"msg":"PurchasePlanned"/);
        else if (moment === 'purchase') await purchase();
        else await operator.started();
        await new Promise((resolve) => setTimeout(resolve, delayMs));
        expect(await operator.stop('SIGKILL')).toMatchObject({ signal: 'SIGKILL' });
      }
      const last = world.operate();
      const shown = await until('the pool has three ready machines', async () => {
        const status = await world.poolStatus('pool');
        const ids = status?.instances?.map(({ instanceId }) => instanceId).toSorted();
        return status?.ready === 3 && ids?.length === 3 && ours().length === 3 && ids;
      });
      expect({ moments, shown, damage: damage() }).toEqual({ moments, shown: ours(), damage: [] });

      wishes.push({ at: simulator.clock.now(), machines: 0 });
      expect(await world.aiops('delete', 'sp', 'pool')).toMatchObject({ code: 0 });
      const atTheEnd = [...damage(), ...judgeEnd(ledger, simulator.state())];
      expect({ moments, atTheEnd, alive: world.alive() }).toEqual({ moments, atTheEnd: [], alive: strangers });
      expect(await last.stop()).toMatchObject({ code: 0 });
    },
  );

  /** Resolves as soon as the cloud has sold something, before its answer is sent. */
  function purchase(): Promise<void> {
    const { journal } = world.simulator;
    return new Promise((resolve) => {
      const unwatch = journal.watch((entry) => {
        if (entry.kind !== 'call' || entry.action !== 'RunInstances' || entry.result !== 'ok') return;
        unwatch();
        resolve();
      });
    });
  }
});
