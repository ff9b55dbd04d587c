import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFakeClock } from '../../../test/builders/fake-clock.ts';
import { ALLOWED, judge, rowKey } from './judge/allowed.ts';
import type { Answer, Recording } from './judge/compare.ts';
import { drive, replay } from './judge/replay.ts';
import { type Machine, startMachine } from './machine.ts';

const FOLDER = new URL('../../../test/recordings/ollama/', import.meta.url);
const names = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
const recordings = new Map(
  names.map((name) => [name, JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as Recording]),
);
const steps = [...recordings].flatMap(([file, { steps }]) =>
  steps.map(({ request, response }, step) => ({ file, step, title: `${request.method} ${request.path}`, response })),
);

let machine: Machine;
const answers = new Map<string, readonly Answer[]>();

beforeAll(async () => {
  const clock = createFakeClock();
  machine = await startMachine({ address: '127.0.0.1', port: 0, clock, random: () => 0.42 });
  // The recorded server had been used before, so that its model was loaded.
  const warmUp = { method: 'POST', body: JSON.stringify({ model: 'qwen2.5-coder:1.5b' }) };
  await drive(fetch(`http://${machine.address}:${machine.port}/api/generate`, warmUp), clock);
  for (const [name, recording] of recordings) answers.set(name, await replay(name, recording, machine, clock));
});
afterAll(() => machine.stop());

function answerOf(file: string, step: number): Answer {
  const answer = answers.get(file)?.[step];
  if (!answer) throw new Error(`${file}, step ${step} was not replayed`);
  return answer;
}

describe('the machine answers as the recorded Ollama did', () => {
  it.each(steps)('$file step $step: $title', ({ file, step, response }) => {
    expect(judge(file, step, response, answerOf(file, step)).refused).toEqual([]);
  });

  it('needs every allowed difference, in every step that it names', () => {
    const used = new Set<string>();
    for (const { file, step, response } of steps) {
      for (const key of judge(file, step, response, answerOf(file, step)).used) used.add(key);
    }
    const listed = ALLOWED.flatMap(([file, named, at]) => named.map((step) => rowKey(file, step, at)));
    expect(listed.filter((key) => !used.has(key))).toEqual([]);
    expect(new Set(listed).size).toBe(listed.length);
  });
});

type Change = (recorded: Answer) => Answer;
const inLine = (index: number, from: string | RegExp, to: string): Change => {
  return (recorded) => ({
    ...recorded,
    lines: recorded.lines.with(index, recorded.lines.at(index)?.replace(from, to) ?? ''),
  });
};
const inHeader = (name: string, value: string): Change => {
  return (recorded) => ({ ...recorded, headers: { ...recorded.headers, [name]: value } });
};
const withoutHeader = (name: string): Change => {
  return (recorded) => ({
    ...recorded,
    headers: Object.fromEntries(Object.entries(recorded.headers).filter(([key]) => key !== name)),
  });
};

describe('the judge sees a recording that was changed on purpose', () => {
  const cases: { name: string; file: string; step: number; change: Change; at: string }[] = [
    {
      name: 'a key renamed',
      file: '04-chat.json',
      step: 0,
      change: inLine(0, '"eval_count"', '"evals"'),
      at: 'keys of line',
    },
    {
      name: 'a key deep inside renamed',
      file: '01-liveness.json',
      step: 4,
      change: inLine(0, '"families"', '"family_names"'),
      at: 'keys of line.models[].details',
    },
    {
      name: 'two keys in another order',
      file: '03-generate.json',
      step: 1,
      change: inLine(0, '"response":"Hi","done":false', '"done":false,"response":"Hi"'),
      at: 'keys of line',
    },
    {
      name: 'a key that is not there',
      file: '05-openai-chat.json',
      step: 0,
      change: inLine(0, '"usage":', '"service_tier":null,"usage":'),
      at: 'keys of line',
    },
    {
      name: 'a type changed',
      file: '04-chat.json',
      step: 1,
      change: inLine(-1, '"eval_count":11', '"eval_count":"11"'),
      at: 'type of line.eval_count',
    },
    {
      name: 'null where a text stood',
      file: '05-openai-chat.json',
      step: 1,
      change: inLine(0, '"content":"One"', '"content":null'),
      at: 'type of line.choices[].delta.content',
    },
    {
      name: 'a type changed where the value may differ',
      file: '03-generate.json',
      step: 0,
      change: inLine(0, /"total_duration":\d+/, '"total_duration":1.5'),
      at: 'type of line.total_duration',
    },
    {
      name: 'a value that no row allows',
      file: '04-chat.json',
      step: 3,
      change: inLine(0, '"done_reason":"length"', '"done_reason":"stop"'),
      at: 'line.done_reason',
    },
    {
      name: 'another error text',
      file: '07-errors.json',
      step: 3,
      change: inLine(0, 'unexpected EOF', 'EOF'),
      at: 'line.error',
    },
    {
      name: 'a line feed less',
      file: '07-errors.json',
      step: 1,
      change: inLine(0, '\n', ''),
      at: 'framing',
    },
    {
      name: 'events that are plain lines',
      file: '05-openai-chat.json',
      step: 1,
      change: inLine(0, 'data: ', ''),
      at: 'framing',
    },
    {
      name: 'a stream without its last mark',
      file: '05-openai-chat.json',
      step: 1,
      change: inLine(-2, '[DONE]', '[END]'),
      at: 'line',
    },
    {
      name: 'more lines left out',
      file: '05-openai-chat.json',
      step: 1,
      change: inLine(6, '14 more', '16 more'),
      at: 'number of lines',
    },
    {
      name: 'another content type',
      file: '01-liveness.json',
      step: 6,
      change: inHeader('Content-Type', 'application/json; charset=utf-8'),
      at: 'header Content-Type',
    },
    {
      name: 'another header more',
      file: '01-liveness.json',
      step: 0,
      change: inHeader('Server', 'ollama'),
      at: 'header names',
    },
    {
      name: 'a header less',
      file: '01-liveness.json',
      step: 10,
      change: withoutHeader('Allow'),
      at: 'header names',
    },
    {
      name: 'another length of the same body',
      file: '01-liveness.json',
      step: 0,
      change: inHeader('Content-Length', '18'),
      at: 'header Content-Length',
    },
    {
      name: 'another way to end',
      file: '08-client-leaves.json',
      step: 0,
      change: (recorded) => ({ ...recorded, end: 'complete' }),
      at: 'end',
    },
  ];

  it.each(cases)('$name', ({ file, step, change, at }) => {
    const recorded = recordings.get(file)?.steps[step]?.response as Answer;
    const changed = change(recorded);
    expect(changed).not.toEqual(recorded);
    const { refused } = judge(file, step, changed, answerOf(file, step));
    expect(refused.map((difference) => difference.at)).toContain(at);
  });

  it.each(steps)('another status or a lost line: $file step $step', ({ file, step, response }) => {
    const answer = answerOf(file, step);
    const changes: Answer[] = [
      { ...response, status: response.status + 1 },
      { ...response, lines: response.lines.slice(0, -1) },
      { ...response, lines: [...response.lines, 'one more'] },
    ];
    for (const changed of changes) expect(judge(file, step, changed, answer).refused).not.toEqual([]);
  });

  it('a row that nothing needs does not pass for needed', () => {
    const row = ['01-liveness.json', [0], 'header Content-Type', 'text'] as const;
    const { response } = steps[0] as (typeof steps)[number];
    const { used } = judge('01-liveness.json', 0, response, answerOf('01-liveness.json', 0), [...ALLOWED, row]);
    expect(used.has(rowKey('01-liveness.json', 0, 'header Content-Type'))).toBe(false);
  });
});
