import { syncBuiltinESMExports } from 'node:module';
import perf from 'node:perf_hooks';

/**
 * An operator measures its process until that ends: event loop and garbage collection. Where thousands of operators live in
 * one process their meters would add up, so each is noted when it is made and stopped when its operator is buried.
 */
const running: (() => void)[] = [];

const { monitorEventLoopDelay, PerformanceObserver } = perf;
perf.monitorEventLoopDelay = (options) => {
  const meter = monitorEventLoopDelay(options);
  running.push(() => meter.disable());
  return meter;
};
perf.PerformanceObserver = class extends PerformanceObserver {
  constructor(...args: ConstructorParameters<typeof PerformanceObserver>) {
    super(...args);
    running.push(() => this.disconnect());
  }
};
syncBuiltinESMExports();

/** Stops all meters made so far. */
export function stopMeters(): void {
  for (const stop of running.splice(0)) stop();
}
