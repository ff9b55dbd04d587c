import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { createFakeIo, runCli } from '../../test/builders/cli.ts';
import { adoptCommand } from './adopt.ts';
import { planCommand } from './plan.ts';
import { createProgram } from './program.ts';

const cloudless = (): never => {
  throw new Error('the cloud must not be asked');
};
/** The commands that need adapters; `run` aside. */
const extra = (): Command[] => [planCommand(createFakeIo(), cloudless), adoptCommand(createFakeIo(), cloudless)];
const commands = createProgram(createFakeIo(), extra()).commands.filter((command) => command.name() !== 'help');

describe('help', () => {
  it('is shown when nothing is asked for', async () => {
    const { code, out, err } = await runCli([]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('Usage: aiops COMMAND');
    for (const command of commands.filter((each) => !['plan', 'adopt'].includes(each.name())))
      expect(out).toContain(`\n  ${command.name()} `);
  });

  it.each(commands.map((command) => command.name()))('of %s says what it does, with an example', async (name) => {
    const { code, out } = await runCli([name, '--help'], createFakeIo(), extra());
    expect(code).toBe(0);
    expect(out).toContain(`Usage: aiops ${name}`);
    expect(out).toMatch(new RegExp(`\\nExamples:\\n  .*aiops ${name}`));
  });

  it('never shows a folder of this machine', async () => {
    const { out } = await runCli(['get', '--help']);
    expect(out).not.toContain('/nonexistent');
  });
});

describe('a command that is written wrongly', () => {
  it.each([
    [['gte'], "error: unknown command 'gte' (Did you mean get?)\n"],
    [['frobnicate'], "error: unknown command 'frobnicate'\n"],
    [['get'], "error: missing required argument 'kind'\n"],
    [['get', 'sp', '--watsh'], "error: unknown option '--watsh' (Did you mean --watch?)\n"],
    [['get', 'pods'], 'error: there is no kind "pods"; there is: spotpools, spotpool, sp; logpilots, logpilot, lp\n'],
    [
      ['get', 'sp', 'a', '-A'],
      'error: an object cannot be named across all namespaces; use -n NAMESPACE instead of -A\n',
    ],
    [
      ['get', 'sp', '-o', 'xml'],
      "error: option '-o, --output <format>' argument 'xml' is invalid. Allowed choices are wide, yaml, json, name.\n",
    ],
    [['scale', 'sp', 'a'], "error: required option '--replicas <number>' not specified\n"],
    [
      ['scale', 'sp', '--replicas', '1'],
      'error: name what to scale, for instance: aiops scale sp my-pool --replicas 3\n',
    ],
    [
      ['scale', 'sp', 'a', '--replicas', '1.5'],
      "error: option '--replicas <number>' argument '1.5' is invalid. It must be a whole number, 0 or more.\n",
    ],
    [
      ['scale', 'sp', 'a', '--replicas', '-1'],
      "error: option '--replicas <number>' argument '-1' is invalid. It must be a whole number, 0 or more.\n",
    ],
    [['delete'], 'error: name what to delete, for instance: aiops delete sp my-pool\n'],
    [['delete', 'sp'], 'error: name the spotpools to delete; all at once is not possible\n'],
    [['delete', 'sp', 'a', '-f', '-'], 'error: give either -f or names, not both\n'],
    [
      ['delete', 'sp', 'a', '--wait=perhaps'],
      "error: option '--wait [boolean]' argument 'perhaps' is invalid. It must be true or false.\n",
    ],
    [
      ['delete', 'sp', 'a', '--timeout', '5'],
      `error: option '--timeout <duration>' argument '5' is invalid. "5" is not a duration; write for instance 20s, 5m or 1h30m\n`,
    ],
    [['validate'], "error: required option '-f, --filename <path>' not specified\n"],
    [
      ['crds', '--json-schema', 'pod'],
      'error: there is no kind "pod"; there is: spotpools, spotpool, sp; logpilots, logpilot, lp\n',
    ],
    [
      ['plan', '-f', '-', '--egress', 'all'],
      "error: option '--egress <mode>' argument 'all' is invalid. Allowed choices are default, loopback.\n",
    ],
    [
      ['plan', '-f', '-', '--connect-to', 'x'],
      `error: option '--connect-to <host:port=host:port>' argument 'x' is invalid. --connect-to "x": write HOST:PORT=HOST:PORT, for instance cvm.example.com:443=127.0.0.1:8443 (IPv6 in brackets)\n`,
    ],
    [['adopt'], "error: missing required argument 'pool'\n"],
    [['version', 'now'], "error: too many arguments for 'version'. Expected 0 arguments but got 1: now.\n"],
  ])('%j is refused in one line', async (args, err) => {
    expect(await runCli(args, createFakeIo(), extra())).toEqual({ code: 2, out: '', err });
  });
});

describe('version', () => {
  it.each([['version'], ['--version']])('is for people, as %s', async (...args) => {
    const out = `aiops ${manifest.version} (Node.js ${process.version})\n`;
    expect(await runCli(args)).toEqual({ code: 0, out, err: '' });
  });

  it.each([['-o', 'json'], ['-ojson'], ['-o=json'], ['--output=json']])(
    'is for programs, with %s %s',
    async (...args) => {
      const { out } = await runCli(['version', ...args]);
      expect(JSON.parse(out)).toEqual({ version: manifest.version, node: process.version });
    },
  );
});

describe('crds', () => {
  it('prints every definition', async () => {
    const { code, out } = await runCli(['crds']);
    expect(code).toBe(0);
    expect(out).toMatch(/^apiVersion: apiextensions\.k8s\.io\/v1\nkind: CustomResourceDefinition\n/);
    expect(out).toContain('name: spotpools.demo.aiops.org');
  });

  it.each(['SpotPool', 'sp', 'spotpools'])('prints the JSON Schema of %s', async (kind) => {
    const { out } = await runCli(['crds', '--json-schema', kind]);
    expect(JSON.parse(out)).toMatchObject({ title: 'SpotPool', type: 'object' });
  });
});
