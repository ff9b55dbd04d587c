import { kinds } from '../api/kinds.ts';
import { type KubeObject, keyText } from '../api/meta.ts';
import { parseSpec } from '../api/parse.ts';
import { callControl } from '../store/local/control-client.ts';
import { StoreError } from '../store/store.ts';
import { CliError, usageError } from './cli-error.ts';
import { type CliIo, complaint } from './io.ts';
import { withState } from './state.ts';
import { resourceOf, type Target, targetOf } from './target.ts';

export interface ScaleOptions {
  readonly namespace: string;
  readonly replicas: number;
  readonly state: string;
}

/**
 * Scales each object that is named.
 * @throws {StoreError} what the operator answers, or that none is running
 * @throws {CliError} when the kind has no size, or when some were not there; the others are scaled
 */
export async function scale(words: readonly string[], options: ScaleOptions, io: CliIo): Promise<void> {
  const target = targetOf(words);
  if (target.definition.scale === undefined) throw notScalable(target);
  if (target.names.length === 0)
    throw usageError('name what to scale, for instance: aiops scale sp my-pool --replicas 3');
  const missing: string[] = [];
  for (const name of target.names) {
    try {
      await scaleOne(target, name, options, io);
    } catch (error) {
      if (!(error instanceof StoreError && error.reason === 'NotFound')) throw error;
      missing.push(error.message);
    }
  }
  if (missing.length > 0) throw new CliError(missing.join('; '));
}

function notScalable({ definition }: Target): CliError {
  const scalable = kinds.filter(({ scale }) => scale !== undefined).map(({ plural }) => plural);
  return usageError(
    `${definition.plural} have no size and cannot be scaled; what can be scaled: ${scalable.join(', ')}`,
  );
}

async function scaleOne(target: Target, name: string, options: ScaleOptions, io: CliIo): Promise<void> {
  const { namespace, replicas, state } = options;
  await callControl({ statePath: state, clock: io.clock }, { op: 'scale', ...target.kind, namespace, name, replicas });
  io.stdout(`${resourceOf(target.definition)}/${name} scaled\n`);
  const object = await withState(state, (view) => view.get(target.kind, { namespace, name }));
  const limit = limitOf(target, object, replicas);
  if (limit !== undefined) io.stderr(complaint(io, 'warning', `${keyText({ namespace, name })} ${limit}`));
}

/** Says so when the object keeps to its own limits instead. */
function limitOf({ definition }: Target, object: KubeObject | undefined, replicas: number): string | undefined {
  const parsed = object && parseSpec(definition, object.spec);
  if (!parsed?.ok) return undefined;
  const { minimum, maximum } = parsed.spec as { minimum?: number; maximum?: number };
  if (minimum === undefined || maximum === undefined || (replicas >= minimum && replicas <= maximum)) return undefined;
  return `stays between ${minimum} and ${maximum}, as its manifest says`;
}
