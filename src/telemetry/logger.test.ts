import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../test/builders/fake-clock.ts';
import { captureLog } from '../../test/builders/log.ts';
import { createLogger, loadPrettyLayout } from './logger.ts';
import { createRedactor } from './redact.ts';

const write = (level: 'debug' | 'info' | 'warn' | 'error', options: { layout?: (line: string) => string } = {}) => {
  const lines: string[] = [];
  const log = createLogger({
    level,
    clock: createFakeClock(),
    redactor: createRedactor(),
    write: (line) => lines.push(line),
    ...options,
  });
  return { log, lines };
};

it('writes one line of JSON: level, time of the clock, fields, message', () => {
  const { log, lines } = write('info');
  log.info('launched', { pool: 'default/a', count: 2 });
  expect(lines).toEqual([
    '{"level":"info","time":"2026-11-01T00:00:00.000Z","pool":"default/a","count":2,"msg":"launched"}\n',
  ]);
});

it('drops what is less important than its level', () => {
  const { log, lines } = write('warn');
  log.debug('a');
  log.info('b');
  log.warn('c');
  log.error('d');
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['c', 'd']);
});

it('adds the fields of its parents; the nearest of a name wins, and no key stands twice', () => {
  const { log, lines } = write('info');
  log.child({ controller: 'pools', name: 'outer' }).child({ name: 'inner' }).info('x', { time: 'mine', msg: 'mine' });
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    controller: 'pools',
    name: 'inner',
    time_: 'mine',
    msg_: 'mine',
    msg: 'x',
  });
  expect(lines[0]?.match(/"name"|"time"|"msg"/g)).toHaveLength(3);
});

it('masks in messages, too', () => {
  const { log, lines } = write('info');
  log.info('token=abcdef');
  expect(lines[0]).not.toContain('abcdef');
});

it('can be made readable', async () => {
  const { log, lines } = write('info', { layout: await loadPrettyLayout(false) });
  log.warn('sold out', { zone: 'ap-singapore-2', error: new Error('no stock') });
  expect(lines[0]).toContain('WARN');
  expect(lines[0]).toContain('sold out');
  expect(lines[0]).toContain('zone: "ap-singapore-2"');
  expect(lines[0]).toContain('no stock');
});

describe('a learned secret', () => {
  /** Wraps a value in everything that logs are given: objects, lists, maps, errors with causes and stacks. */
  const wrap = fc.constantFrom<(value: unknown) => unknown>(
    (value) => ({ value }),
    (value) => ({ harmless: 1, list: [1, value, 'x'] }),
    (value) => new Map([['k', value]]),
    (value) => new Set([value]),
    (value) => ({ [String(value)]: 1 }),
    (value) => new Error(`failed with ${value}`),
    (value) => new Error('outer', { cause: value }),
    (value) => Object.assign(new Error('own'), { detail: value }),
    (value) => Object.assign(new Error('renamed'), { name: String(value), stack: `at ${value}` }),
    (value) => new AggregateError([value], 'several'),
    (value) => `before ${value} after`,
    (value) => JSON.stringify({ body: String(value) }),
    (value) => new URL(`http://host/${encodeURIComponent(String(value))}`),
    (value) => Buffer.from(String(value)),
    (value) => Buffer.from(String(value)).toString('base64'),
    (value) => ({ toJSON: () => value, value }),
  );
  const secrets = fc.oneof(
    fc.string({ minLength: 6, maxLength: 40 }),
    fc.string({ unit: 'binary', minLength: 6, maxLength: 40 }).filter((text) => text.isWellFormed()),
    fc.integer({ min: 100_000 }).map(String),
  );
  /** What stands in every line, and cannot be told from a secret that looks the same. */
  const frame =
    '{"level":"error","time":"2026-11-01T00:00:00.000Z","value":***,"harmless":"list":"k":[1,"name":"message":"stack":"cause":"errors":';

  it('appears in no line, whatever it is nested in', () => {
    fc.assert(
      fc.property(secrets, fc.array(wrap, { minLength: 1, maxLength: 4 }), (given, wraps) => {
        const secret = given.trim();
        fc.pre(secret.length >= 6 && !frame.includes(secret) && !/^[*"{}:,[\]\\]+$/.test(secret));
        const { log, redactor, raw } = captureLog();
        redactor.learn(given);
        const value = wraps.reduce<unknown>(
          (inner, wrapper) => wrapper(inner),
          /^\d+$/.test(secret) ? Number(secret) : secret,
        );
        log.child({ bound: value }).error(`message ${secret}`, { value, secret: value });
        for (const line of raw) {
          expect(line).not.toContain(secret);
          expect(line).not.toContain(JSON.stringify(secret).slice(1, -1));
          expect(line).not.toContain(Buffer.from(secret).toString('base64').replace(/=+$/, ''));
        }
        expect(raw).toHaveLength(1);
      }),
      { numRuns: 500 },
    );
  });
});
