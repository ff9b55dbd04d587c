import { toTime } from '../../src/api/meta.ts';
import { openStateFile } from '../../src/store/local/state-file.ts';
import type { OperatorSettings } from '../../src/wiring.ts';

/** The flags of an operator in this process, on a simulated cloud. */
export function settingsFor(manifests: string, state: string, tencentEndpoint: string): OperatorSettings {
  return {
    manifests,
    state,
    tencentEndpoint,
    tencentSite: 'international',
    connectTo: [],
    egress: 'loopback',
    prune: false,
    bindAddress: '127.0.0.1',
    metricsPort: 0,
    healthPort: 0,
    logLevel: 'info',
    logFormat: 'json',
  };
}

/** A state without objects, of an installation that is drawn: names and tags of machines follow from who we are. */
export function introduce(statePath: string, installationId: string): void {
  const state = openStateFile(statePath, { maxBytes: 1024 ** 2 });
  state.claim(installationId, { pid: process.pid, host: 'a test', since: toTime(0) });
  state.close();
}
