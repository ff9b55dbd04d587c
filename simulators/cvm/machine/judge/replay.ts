import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { FakeClock } from '../../../../test/builders/fake-clock.ts';
import type { Machine } from '../machine.ts';
import type { Answer, Recording, Step } from './compare.ts';

/** Recordings whose requests were sent without waiting for the answers, this many milliseconds apart. */
const TOGETHER: Readonly<Record<string, number>> = { '09-serial.json': 50 };
const TICK_MS = 10;
/** Nothing that is asked here takes longer than this in the machine's time. */
const MOST_TICKS = 60_000;
/** Real time for a request to arrive before the next one is sent, where the order matters. */
const ARRIVAL_MS = 20;

const MODEL = 'qwen2.5-coder:1.5b';
const SMALL = { num_ctx: 512 };
/** Bodies that the recordings only give the size of: `[file, step]` and a request of the same kind around the filling. */
const BODIES: Readonly<Record<string, (filling: string) => unknown>> = {
  '06-truncation.json 0': (content) => ({
    model: MODEL,
    messages: [{ role: 'user', content }],
    stream: false,
    options: { ...SMALL, num_predict: 8 },
  }),
  '06-truncation.json 1': (content) => ({
    model: MODEL,
    messages: [
      { role: 'user', content },
      { role: 'user', content: 'Which number stands in the first line of the text?' },
    ],
    stream: false,
    options: { ...SMALL, num_predict: 8 },
  }),
  '06-truncation.json 2': (content) => ({
    model: MODEL,
    messages: [{ role: 'user', content }],
    stream: false,
    truncate: false,
    options: SMALL,
  }),
  '06-truncation.json 4': (prompt) => ({
    model: MODEL,
    prompt,
    stream: false,
    options: { ...SMALL, num_predict: 4 },
  }),
};

/** Sends every request of a recording to the machine, in order, and returns the answers. Moves the clock as needed. */
export async function replay(
  name: string,
  recording: Recording,
  machine: Machine,
  clock: FakeClock,
): Promise<Answer[]> {
  const agent = new Agent({ keepAlive: true });
  const apart = TOGETHER[name];
  const answers: Promise<Answer>[] = [];
  try {
    for (const [index, step] of recording.steps.entries()) {
      const answer = exchange(machine, agent, step, bodyOf(name, index, step));
      answers.push(answer);
      if (apart !== undefined) {
        await new Promise((resolve) => setTimeout(resolve, ARRIVAL_MS));
        await clock.advance(apart);
      } else {
        await settled(answer, step, clock);
      }
    }
    const all = Promise.all(answers);
    if (apart !== undefined) await drive(all, clock);
    return await all;
  } finally {
    agent.destroy();
  }
}

/** Time moves only while the model works; a look at the server takes none, as it took none when it was recorded. */
async function settled(answer: Promise<unknown>, step: Step, clock: FakeClock): Promise<void> {
  if (step.request.method === 'POST') await drive(answer, clock);
  else await answer;
}

/** Moves the clock until `work` is done. @throws when it is not done after ten minutes of the clock's time */
export async function drive<T>(work: Promise<T>, clock: FakeClock): Promise<T> {
  let isDone = false;
  const done = (): void => {
    isDone = true;
  };
  work.then(done, done);
  await clock.settle();
  for (let tick = 0; !isDone; tick += 1) {
    if (tick === MOST_TICKS) throw new Error(`no end after ${MOST_TICKS * TICK_MS} ms on the machine's clock`);
    await clock.advance(TICK_MS);
  }
  return await work;
}

function bodyOf(name: string, index: number, { request: { body, raw, bodyNote } }: Step): string | undefined {
  if (raw !== undefined) return raw;
  if (body !== undefined) return JSON.stringify(body);
  if (bodyNote === undefined) return undefined;
  const make = BODIES[`${name} ${index}`];
  if (!make) throw new Error(`${name}, step ${index}: no body of ${bodyNote} is known; add it to BODIES`);
  return filled(Number.parseInt(bodyNote, 10), make);
}

/** A body of exactly `size` bytes. */
function filled(size: number, make: (filling: string) => unknown): string {
  const empty = JSON.stringify(make('')).length;
  let text = '';
  for (let line = 1; text.length < size; line += 1) text += `Line ${line} holds the number ${line * 7919}. `;
  return JSON.stringify(make(text.slice(0, size - empty)));
}

function exchange(machine: Machine, agent: Agent, { request: asked, response }: Step, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const leavesAfter = response.end === 'closed by client' ? response.lines.length : Number.POSITIVE_INFINITY;
    const sent = request({
      host: machine.address,
      port: machine.port,
      agent,
      method: asked.method,
      path: asked.path,
      headers: { ...asked.headers, ...(body !== undefined && { 'Content-Type': 'application/json' }) },
    });
    sent.once('error', reject);
    sent.once('response', (received) => {
      readAnswer(sent, received, leavesAfter).then(resolve, reject);
    });
    sent.end(body);
  });
}

async function readAnswer(sent: ClientRequest, received: IncomingMessage, leavesAfter: number): Promise<Answer> {
  const { statusCode: status = 0, rawHeaders } = received;
  const headers: Record<string, string> = {};
  for (let at = 0; at < rawHeaders.length; at += 2) headers[rawHeaders[at] ?? ''] = rawHeaders[at + 1] ?? '';
  let text = '';
  received.setEncoding('utf8');
  for await (const chunk of received) {
    text += chunk;
    const lines = linesOf(text);
    if (lines.length < leavesAfter) continue;
    sent.destroy();
    return { status, headers, lines: lines.slice(0, leavesAfter), end: 'closed by client' };
  }
  return { status, headers, lines: linesOf(text), end: 'complete' };
}

/** Each line with its line feed; an empty body is one empty line, as in the recordings. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [''];
}
