import {
  createInformer,
  type Informer,
  type InformerChange,
  type InformerOptions,
} from '../../src/store/kube/informer.ts';
import { createInformerMetrics } from '../../src/store/kube/informer-metrics.ts';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { captureLog, type LogCapture } from './log.ts';
import { createScriptedServer, type ScriptedServer, WIDGET } from './scripted-transport.ts';

/** An informer against a scripted server, on a fake clock. */
export interface InformerBench {
  readonly clock: FakeClock;
  readonly server: ScriptedServer;
  readonly informer: Informer;
  readonly log: LogCapture;
  readonly metrics: Metrics;
  readonly stop: AbortController;
  /** What a listener from the very beginning was told: `added a@101`, with `!` for initial ones and `?` for an unknown end. */
  readonly told: readonly string[];
  /** Starts it, and lets it come to rest. */
  start(): Promise<void>;
  /** `run` itself, once started. */
  running(): Promise<void>;
  /** `a@101`, as the informer and as the server know them. */
  held(): readonly string[];
  truth(): readonly string[];
  /** What was asked of the server since the last call: `list`, `list+` for a further page, `watch 101`. */
  asked(): readonly string[];
}

export function createInformerBench(options: Partial<InformerOptions> = {}): InformerBench {
  const clock = createFakeClock();
  const server = createScriptedServer(clock);
  const log = captureLog();
  const metrics = createMetrics();
  const informer = createInformer({
    transport: server.transport,
    resource: WIDGET,
    clock,
    random: () => 0.5,
    log: log.log,
    metrics: createInformerMetrics(metrics),
    ...options,
  });
  const stop = new AbortController();
  const told: string[] = [];
  informer.listen((change) => told.push(brief(change)), stop.signal);
  let running = Promise.resolve();
  let read = 0;

  return {
    clock,
    server,
    informer,
    log,
    metrics,
    stop,
    told,
    async start() {
      running = informer.run(stop.signal);
      await clock.settle();
    },
    running: () => running,
    held: () => informer.list().map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`),
    truth: () => server.objects.map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`),
    asked() {
      const news = server.asked.slice(read);
      read = server.asked.length;
      return news.map(({ verb, query }) => {
        if (verb === 'watch') return `watch ${query['resourceVersion']}`;
        return query['continue'] === undefined ? 'list' : 'list+';
      });
    },
  };
}

function brief({ type, object: { metadata }, isInitial, finalStateUnknown }: InformerChange): string {
  return `${type} ${metadata.name}@${metadata.resourceVersion}${isInitial ? '!' : ''}${finalStateUnknown ? '?' : ''}`;
}
