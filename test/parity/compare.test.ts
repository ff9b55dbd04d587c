import { describe, expect, it } from 'vitest';
import { LogPilotKind } from '../../src/api/logpilot.ts';
import { SpotPoolKind } from '../../src/api/spotpool.ts';
import { differences } from './compare.ts';
import { type ServerVerdict, serverVerdict, type Verdict } from './verdict.ts';

const ours = (more: Partial<Verdict> = {}): Verdict => ({
  isAccepted: false,
  unknown: new Set(),
  schema: new Set(),
  rules: new Map(),
  ...more,
});
const theirs = (more: Partial<ServerVerdict> = {}): ServerVerdict => ({
  ...ours(),
  stage: 'rules',
  message: '',
  ...more,
});
const sizes = 'minimum must not be greater than maximum';

describe('two verdicts', () => {
  it.each<{ name: string; here: Verdict; there: ServerVerdict; says: unknown[] }>([
    {
      name: 'are the same',
      here: ours({ schema: new Set(['spec.a']) }),
      there: theirs({ schema: new Set(['spec.a']) }),
      says: [],
    },
    {
      name: 'differ when only we accept',
      here: ours({ isAccepted: true }),
      there: theirs(),
      says: [expect.stringContaining('we accept, the API server refuses')],
    },
    {
      name: 'differ when only the server accepts',
      here: ours(),
      there: theirs({ isAccepted: true }),
      says: [expect.stringContaining('we refuse, the API server accepts')],
    },
    {
      name: 'differ in fields, both ways',
      here: ours({ schema: new Set(['spec.a']) }),
      there: theirs({ schema: new Set(['spec.b']) }),
      says: ['field spec.a: only we object', 'field spec.b: only the API server objects'],
    },
    {
      name: 'differ in unknown fields',
      here: ours({ unknown: new Set(['spec.a']) }),
      there: theirs({ stage: 'decoding', unknown: new Set(['spec.b']) }),
      says: ['unknown field spec.a: only we object', 'unknown field spec.b: only the API server objects'],
    },
    {
      name: 'are not compared behind what cannot be decoded',
      here: ours({ unknown: new Set(['spec.a']), schema: new Set(['spec.b']) }),
      there: theirs({ stage: 'decoding', unknown: new Set(['spec.a']) }),
      says: [],
    },
    {
      name: 'are not compared in rules that the server did not run',
      here: ours({ schema: new Set(['spec.region']), rules: new Map([[sizes, 'spec.minimum']]) }),
      there: theirs({ stage: 'schema', schema: new Set(['spec.region']) }),
      says: [],
    },
    {
      name: 'differ in a rule',
      here: ours({ rules: new Map([[sizes, 'spec.minimum']]) }),
      there: theirs(),
      says: [`rule "${sizes}": spec.minimum here, kept there`],
    },
    {
      name: 'differ in where a rule points',
      here: ours({ rules: new Map([[sizes, 'spec.minimum']]) }),
      there: theirs({ rules: new Map([[sizes, 'spec']]) }),
      says: [`rule "${sizes}": spec.minimum here, spec there`],
    },
    {
      name: 'are the same when a rule is broken by a value that is wrong by itself',
      here: ours({ schema: new Set(['spec.maximum']) }),
      there: theirs({ schema: new Set(['spec.maximum']), rules: new Map([[sizes, 'spec.minimum']]) }),
      says: [],
    },
    {
      name: 'differ when only the server sees a broken rule, and other values are wrong',
      here: ours({ schema: new Set(['spec.region']) }),
      there: theirs({ schema: new Set(['spec.region']), rules: new Map([[sizes, 'spec.minimum']]) }),
      says: [`rule "${sizes}": kept here, spec.minimum there`],
    },
    {
      name: 'differ when only the server sees a broken rule about another field of the same part',
      here: ours({ schema: new Set(['spec.readiness.timeout']) }),
      there: theirs({
        schema: new Set(['spec.readiness.timeout']),
        rules: new Map([['readiness.readyTimeout must be from 1s to 24h', 'spec.readiness.readyTimeout']]),
      }),
      says: [expect.stringContaining('kept here')],
    },
  ])('$name', ({ here, there, says }) => expect(differences(here, there, SpotPoolKind)).toEqual(says));
});

describe('the answer of an API server', () => {
  const refused = (causes: readonly { field: string; message: string }[]): { status: number; body: unknown } => ({
    status: 422,
    body: { message: 'is invalid', details: { causes } },
  });

  it('accepts with 201', () => {
    expect(serverVerdict({ status: 201, body: {} }, SpotPoolKind)).toMatchObject({ isAccepted: true, stage: 'rules' });
  });

  it('names unknown fields', () => {
    const message = 'strict decoding error: unknown field "spec.a b", unknown field "spec.offerings[0].\\"x"';
    expect(serverVerdict({ status: 400, body: { message } }, SpotPoolKind)).toMatchObject({
      isAccepted: false,
      stage: 'decoding',
      unknown: new Set(['spec.a b', 'spec.offerings[0]."x']),
    });
  });

  it('tells fields from rules, and where it stopped', () => {
    const rule = { field: 'spec', message: `Invalid value: "object": ${LogPilotKind.rules[2]?.message}` };
    const field = { field: '.spec.replicas', message: 'should be a non-negative integer' };
    expect(serverVerdict(refused([rule, field]), LogPilotKind)).toMatchObject({
      stage: 'rules',
      schema: new Set(['spec.replicas']),
      rules: new Map([[LogPilotKind.rules[2]?.message, 'spec']]),
    });
    const stop = { field: '<nil>', message: 'Invalid value: null: some validation rules were not checked because …' };
    expect(serverVerdict(refused([field, stop]), LogPilotKind)).toMatchObject({ stage: 'schema', rules: new Map() });
  });
});
