import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { KindDefinition } from '../../src/api/kind.ts';
import { apiVersionOf, kinds } from '../../src/api/kinds.ts';
import { LogPilotKind } from '../../src/api/logpilot.ts';
import { SpotPoolKind } from '../../src/api/spotpool.ts';
import { readMetadata } from '../../src/store/local/metadata.ts';
import { type ControlPlane, startControlPlane } from '../../tools/envtest/envtest.ts';
import { describeWithServers } from '../builders/kube-binaries.ts';
import { createJudge, type Judge } from '../parity/api-server.ts';
import { differences } from '../parity/compare.ts';
import { type Case, corpusOf } from '../parity/corpus.ts';
import { coverageOf, coverageTable, shortCells } from '../parity/coverage.ts';
import { hardCases } from '../parity/hard-cases.ts';
import { metadataCases, namespaceCases } from '../parity/metadata.ts';
import { ourVerdict, type ServerVerdict, serverVerdict, weAccept } from '../parity/verdict.ts';
import { ROOT } from './process.ts';

const START_MS = 150_000;
const AT_ONCE = 8;

const collectionOf = (kind: KindDefinition): string => `/apis/${apiVersionOf(kind)}/namespaces/default/${kind.plural}`;

/** In the order of the list, some at a time. */
async function forAll<T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  const left = [...all.entries()];
  const worker = async (): Promise<void> => {
    for (let next = left.shift(); next; next = left.shift()) results[next[0]] = await work(next[1]);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

describeWithServers('a manifest is judged the same with and without an API server', () => {
  let plane: ControlPlane;
  let judge: Judge;
  beforeAll(async () => {
    plane = await startControlPlane();
    await plane.installCrds(
      kinds.map(({ group, plural }) => join(ROOT, 'config/crd/bases', `${group}_${plural}.yaml`)),
    );
    judge = createJudge(plane);
  }, START_MS);
  afterAll(async () => {
    judge?.close();
    await plane?.stop();
  }, START_MS);

  describe('the corpus', () => {
    let judged: readonly { readonly one: Case; readonly server: ServerVerdict }[];
    beforeAll(async () => {
      judged = await forAll(corpusOf(kinds), async (one) => {
        const { kind } = one.cell;
        const answer = await judge.ask(collectionOf(kind), JSON.stringify(one.manifest));
        return { one, server: serverVerdict(answer, kind) };
      });
    }, START_MS);

    /** What differs when standalone mode knows these kinds: lines, with the manifest. */
    function* differing(known: readonly KindDefinition[]): Generator<string> {
      for (const { one, server } of judged) {
        const kind = known.find((each) => each.kind === one.cell.kind.kind);
        if (kind === undefined) continue;
        for (const line of differences(ourVerdict(one.manifest, kind), server, kind)) {
          yield `${line}\n  ${JSON.stringify(one.manifest.spec)?.slice(0, 2000)}`;
        }
      }
    }

    it('has the same verdict on every manifest, field by field', () => expect([...differing(kinds)]).toEqual([]));

    it('is accepted and refused as a text just so', () => {
      const others = judged.filter(
        ({ one, server }) => weAccept(JSON.stringify(one.manifest), kinds) !== server.isAccepted,
      );
      expect(others.map(({ one }) => one.manifest)).toEqual([]);
    });

    it('has 40 to 60 % that are refused, and hits each side of each bound and rule ten times', () => {
      const refused = judged.filter(({ server }) => !server.isAccepted).length;
      const coverage = coverageOf(
        kinds,
        judged.map(({ one, server }) => ({ one, verdict: server })),
      );
      process.stdout.write(`${coverageTable(coverage)}\n${judged.length} manifests, ${refused} refused\n`);
      expect(judged.length).toBeGreaterThanOrEqual(2000);
      expect(refused / judged.length).toBeGreaterThanOrEqual(0.4);
      expect(refused / judged.length).toBeLessThanOrEqual(0.6);
      expect(shortCells(coverage)).toEqual([]);
    });

    const pool = SpotPoolKind.specSchema as z.ZodObject;
    const pilot = LogPilotKind.specSchema as z.ZodObject;
    it.each([
      {
        name: 'a bound is gone',
        kind: { ...SpotPoolKind, specSchema: pool.extend({ minimum: z.int32().min(0).optional() }) },
        sign: 'spec.minimum',
      },
      {
        name: 'a bound is one larger',
        kind: { ...LogPilotKind, specSchema: pilot.extend({ llmModel: z.string().min(1).max(257) }) },
        sign: 'we accept, the API server refuses',
      },
      {
        name: 'a bound is one smaller',
        kind: { ...LogPilotKind, specSchema: pilot.extend({ llmModel: z.string().min(1).max(255) }) },
        sign: 'we refuse, the API server accepts',
      },
      {
        name: 'a rule is gone',
        kind: {
          ...SpotPoolKind,
          rules: SpotPoolKind.rules.filter(({ message }) => !message.startsWith('drain.timeout')),
        },
        sign: 'we accept, the API server refuses',
      },
      {
        name: 'a rule points elsewhere',
        kind: {
          ...SpotPoolKind,
          rules: SpotPoolKind.rules.map((rule) =>
            rule.fieldPath === '.minimum' ? { ...rule, fieldPath: '.maximum' } : rule,
          ),
        },
        sign: 'spec.maximum here, spec.minimum there',
      },
      { name: 'unknown fields pass', kind: { ...SpotPoolKind, specSchema: pool.loose() }, sign: 'unknown field' },
    ])('notices when standalone mode differs: $name', ({ kind, sign }) => {
      expect(differing([kind]).find((line) => line.includes(sign))).toContain(sign);
    });
  });

  it.each(hardCases())('$name: $why', async ({ text, here, there }) => {
    const kind = kinds.find((one) => text.includes(`kind: ${one.kind}\n`)) ?? LogPilotKind;
    const answer = await judge.ask(collectionOf(kind), text);
    const server = serverVerdict(answer, kind);
    expect({ here: weAccept(text, kinds), there: server.isAccepted, said: server.message }).toEqual({
      here,
      there,
      said: server.message,
    });
  });

  it(
    'has the same verdict on names, labels and annotations',
    async () => {
      const spec = {
        lokiURL: 'http://127.0.0.1:3100',
        lokiPromQL: '{app="a"}',
        llmEndpoint: 'http://127.0.0.1:11434/v1',
        llmModel: 'qwen2:7b',
        feishuWebhook: '',
      };
      const found = await forAll(metadataCases(), async ({ name, metadata }) => {
        const manifest = { apiVersion: apiVersionOf(LogPilotKind), kind: LogPilotKind.kind, metadata, spec };
        const server = serverVerdict(
          await judge.ask(collectionOf(LogPilotKind), JSON.stringify(manifest)),
          LogPilotKind,
        );
        return differences(ourVerdict(manifest, LogPilotKind), server, LogPilotKind).map((line) => `${name}: ${line}`);
      });
      expect(found.flat()).toEqual([]);
    },
    START_MS,
  );

  it('has the same verdict on names of namespaces', async () => {
    const found = await forAll(namespaceCases(), async (name) => {
      const manifest = JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
      const { status, body } = await judge.ask('/api/v1/namespaces', manifest);
      const here = readMetadata({ name: 'a', namespace: name }).findings.length === 0;
      // One that is there already has a good name too.
      const there = status === 201 || status === 409;
      return here === there ? [] : [`${JSON.stringify(name)}: ${here} here, ${there} there: ${JSON.stringify(body)}`];
    });
    expect(found.flat()).toEqual([]);
  });
});
