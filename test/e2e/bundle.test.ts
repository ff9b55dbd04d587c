import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AIOPS, cleanEnv, ROOT, run, until } from './process.ts';
import { openWorld } from './world.ts';

/** An installation: `bin/aiops` and the bundles, without sources and packages. */
let installation: string;
let aiops: string;
beforeAll(async () => {
  installation = mkdtempSync(join(tmpdir(), 'aiops-bundle-'));
  aiops = join(installation, 'bin/aiops');
  cpSync(AIOPS, aiops);
  const built = await run([process.execPath, join(ROOT, 'scripts/build.ts'), join(installation, 'dist')], {
    cwd: tmpdir(),
  });
  expect(built).toMatchObject({ code: 0, stderr: '' });
}, 60_000);
afterAll(() => rmSync(installation, { recursive: true, force: true }));

/** A Node.js that is new enough, as an installation without packages needs it. */
const env = cleanEnv({ PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH']}` });

describe('the bundles', () => {
  it.each([
    { args: ['version'], says: /^aiops \d+\.\d+\.\d+ / },
    { args: ['run', '--help'], says: /--manifests <dir>/ },
    { args: ['crds'], says: /^kind: CustomResourceDefinition$/m },
    { args: ['simulate', 'cvm', '--help'], says: /--account <id:key>/ },
    { args: ['demo', '--help'], says: /DEMO_FOR=60s/ },
  ])('start without node_modules: aiops $args', async ({ args, says }) => {
    const { code, stdout, stderr } = await run([aiops, ...args], { env, cwd: installation });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: expect.stringMatching(says), stderr: '' });
  });

  it('of the operator keeps a pool, and says nothing beside its log', async () => {
    const world = await openWorld({ program: aiops });
    try {
      world.writePool('web', { minimum: 1, maximum: 1 });
      const operator = world.operate();
      const { health } = await operator.started();
      await until('the machine is ready', async () => (await world.poolStatus('web'))?.ready === 1);
      expect((await fetch(`http://127.0.0.1:${health}/healthz`)).status).toBe(200);
      const { code, stdout, stderr } = await operator.stop();
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      for (const line of stdout.trimEnd().split('\n')) expect(() => JSON.parse(line) as unknown).not.toThrow();
    } finally {
      await world.close();
    }
  });

  it('of the operator holds nothing of the simulators', () => {
    const textOf = (folder: string): string => {
      const files = readdirSync(join(installation, 'dist', folder)).filter((name) => name.endsWith('.js'));
      return files.map((name) => readFileSync(join(installation, 'dist', folder, name), 'utf8')).join('\n');
    };
    const simulators = textOf('simulators');
    const operator = textOf('aiops');
    for (const word of ['/_sim', 'DEMO_SABOTAGE', 'reclaim-rate', 'img-5gn3j31i']) {
      const found = { simulators: simulators.includes(word), operator: operator.includes(word) };
      expect({ word, ...found }).toEqual({ word, simulators: true, operator: false });
    }
  });
});
