import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { captureLog } from '../../test/builders/log.ts';
import { dieOnStrayErrors, stopOnSignals } from './signals.ts';

const fakeProcess = () => {
  const codes: number[] = [];
  const process = Object.assign(new EventEmitter(), { exit: (code: number) => codes.push(code) });
  return { process, codes };
};

it.each(['SIGTERM', 'SIGINT'])('%s asks for an ordered stop; the second signal ends the process at once', (name) => {
  const { process, codes } = fakeProcess();
  const { log, of } = captureLog();
  const signal = stopOnSignals(process, log);
  expect(signal.aborted).toBe(false);
  process.emit(name, name);
  expect([signal.aborted, codes]).toEqual([true, []]);
  expect(of('stopping')[0]).toMatchObject({ signal: name });
  process.emit('SIGINT', 'SIGINT');
  expect(codes).toEqual([1]);
});

it.each(['unhandledRejection', 'uncaughtException'])('%s is logged, counted and ends the process', (origin) => {
  const { process, codes } = fakeProcess();
  const { log, of } = captureLog();
  const counted: string[] = [];
  dieOnStrayErrors(process, log, (name) => counted.push(name));
  process.emit(origin, new Error('lost'));
  expect([counted, codes]).toEqual([[origin], [1]]);
  expect(of('an error that nobody handled; ending')[0]).toMatchObject({ level: 'error', error: { message: 'lost' } });
});

it('ends the process even when the log is broken', () => {
  const { process, codes } = fakeProcess();
  const { log } = captureLog();
  const broken = { ...log, error: () => expect.fail('no space left') };
  dieOnStrayErrors(process, broken, () => {});
  expect(() => process.emit('uncaughtException', new Error('lost'))).toThrow('no space left');
  expect(codes).toEqual([1]);
});
