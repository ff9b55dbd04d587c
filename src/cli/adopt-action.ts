import { keyText } from '../api/meta.ts';
import { parseSpec } from '../api/parse.ts';
import { type SpotPool, SpotPoolKind, type SpotPoolSpec } from '../api/spotpool.ts';
import { ageText } from '../api/table.ts';
import type { Cloud, Instance } from '../cloud/cloud.ts';
import { formatDuration } from '../lib/duration.ts';
import type { ManifestDocument } from '../store/local/manifests.ts';
import { problemText } from '../store/local/problem.ts';
import {
  type Adopter,
  adopterOf,
  isLiving,
  isOwn,
  misfitsOf,
  noRoomFor,
  objectionTo,
  ownerText,
} from './adopt-check.ts';
import { CliError } from './cli-error.ts';
import { type CliIo, complaint } from './io.ts';
import { readNamedManifests } from './manifest-files.ts';
import { type PlanEdges, secretReader } from './plan-action.ts';
import { poolNamed } from './pool-argument.ts';
import { isOperatorRunning, nowOf, withState } from './state.ts';
import { kindRefOf } from './target.ts';
import { columnsText, counted, printable } from './text.ts';

export interface AdoptOptions {
  readonly namespace: string;
  readonly state: string;
  /** Manifests with keys. */
  readonly filename: readonly string[];
  readonly isDryRun: boolean;
}

/**
 * Shows what a pool could take in, or takes machines in.
 * @throws {CliError} when there is no such pool, or its keys are not to be had, or one of the machines cannot be taken in
 * @throws {CloudError} what the cloud refuses to answer with
 */
export async function adopt(
  word: string,
  ids: readonly string[],
  options: AdoptOptions,
  { io, open }: PlanEdges,
): Promise<void> {
  const { adopter, now } = await withState(options.state, (view) => {
    const pool = parsed(poolNamed(view, word, options.namespace));
    const pools = view.list(kindRefOf(SpotPoolKind)) as readonly SpotPool[];
    return { adopter: adopterOf(pool, view.installationId, pools), now: nowOf(view, io) };
  });
  const documents = await readDocuments(options.filename, io);
  const { cloud } = await open(withKeys(adopter.pool, documents), secretReader(documents));
  const { instances: swept } = await cloud.sweep(0, io.signal);
  if (ids.length === 0) {
    const found = await candidatesFor(adopter, swept, cloud, io);
    if (found.length === 0) io.stderr('There is no machine that it could take in.\n');
    else io.stdout(candidatesText(found, adopter, now));
    return;
  }
  const machines = await checked(ids, adopter, swept, { cloud, io });
  for (const machine of machines) warnOfMisfits(machine, adopter, io);
  if (options.isDryRun) {
    for (const machine of machines) io.stdout(`machine ${machine.id} ${whose(machine, adopter, 'would be adopted')}\n`);
    io.stdout('Nothing was changed.\n');
    return;
  }
  await claim(machines, adopter, { cloud, io });
  io.stdout(await whatNow(adopter, options.state, io));
}

function parsed(pool: SpotPool): SpotPool {
  const read = parseSpec(SpotPoolKind, pool.spec);
  const name = `SpotPool ${keyText(pool.metadata)}`;
  if (!read.ok) throw new CliError(`${name} cannot be read: ${read.problems.map(({ message }) => message).join('; ')}`);
  if (pool.metadata.deletionTimestamp !== undefined) {
    throw new CliError(`${name} is being deleted; what it took in now would be released with it`);
  }
  return { ...pool, spec: read.spec };
}

async function readDocuments(paths: readonly string[], io: CliIo): Promise<readonly ManifestDocument[]> {
  if (paths.length === 0) return [];
  const { documents, problems } = await readNamedManifests(paths, io);
  for (const problem of problems) io.stderr(complaint(io, 'error', problemText(problem)));
  if (problems.length > 0) throw new CliError(`${counted(problems.length, 'problem')}; the cloud was not asked`);
  return documents;
}

/** The pool with keys that can be used: the state keeps none. @throws {CliError} saying where they are to be found */
function withKeys(pool: SpotPool, documents: readonly ManifestDocument[]): SpotPool {
  const key = keyText(pool.metadata);
  const manifest = documents.find(({ kind, metadata }) => kind === SpotPoolKind.kind && keyText(metadata) === key);
  const credentials = (manifest?.spec as SpotPoolSpec | undefined)?.credentials ?? pool.spec.credentials;
  if (credentials.from === 'inline' && !manifest) {
    throw new CliError(`the keys of SpotPool ${key} stand in its manifest and nowhere else; name the manifest with -f`);
  }
  if (credentials.from === 'secret') {
    const name = keyText({ ...pool.metadata, name: credentials.name });
    if (!documents.some(({ kind, metadata }) => kind === 'Secret' && keyText(metadata) === name)) {
      throw new CliError(
        `the keys of SpotPool ${key} stand in Secret ${name}; name the manifest that holds it with -f`,
      );
    }
  }
  return { ...pool, spec: { ...pool.spec, credentials } };
}

/** Living machines in the pool's places that are not its own, and those elsewhere that carry its name; best first. */
async function candidatesFor(
  adopter: Adopter,
  swept: readonly Instance[],
  cloud: Cloud,
  io: CliIo,
): Promise<readonly Instance[]> {
  const { spec } = adopter.pool;
  const places = new Map(spec.offerings.map((offering) => [`${offering.zone}/${offering.subnetId}`, offering]));
  const found = await Promise.all([...places.values()].map((place) => cloud.findByName('', place, io.signal)));
  const namesakes = swept.filter(({ owner }) => owner?.pool === adopter.owner.pool);
  const byId = new Map([...namesakes, ...found.flat()].map((instance) => [instance.id, instance]));
  const recorded = new Set((adopter.pool.status?.instances ?? []).map(({ instanceId }) => instanceId));
  const rank = (instance: Instance): number =>
    (objectionTo(instance, adopter) === undefined ? 0 : 100) + misfitsOf(instance, adopter).length;
  return [...byId.values()]
    .filter((instance) => isLiving(instance) && !isOwn(instance, adopter) && !recorded.has(instance.id))
    .toSorted((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1));
}

const HEADS = ['ID', 'NAME', 'STATE', 'CHARGE TYPE', 'IMAGE', 'TYPE', 'ZONE', 'SUBNET', 'AGE', 'OWNER', 'FITS'];

function candidatesText(instances: readonly Instance[], adopter: Adopter, now: number): string {
  const rows = instances.map((instance) => [
    instance.id,
    instance.name,
    instance.vendorState,
    instance.chargeType,
    instance.imageId,
    instance.instanceType,
    instance.zone,
    instance.subnetId,
    ageText(now - instance.createdAt),
    ownerText(instance, adopter) ?? '-',
    fitText(instance, adopter),
  ]);
  return columnsText([HEADS, ...rows]);
}

function fitText(instance: Instance, adopter: Adopter): string {
  const objection = objectionTo(instance, adopter);
  if (objection !== undefined) return `cannot be adopted: it ${objection}`;
  const misfits = misfitsOf(instance, adopter);
  return misfits.length === 0 ? 'yes' : `no: ${misfits.join(', ')}`;
}

/** The machines of these ids. @throws {CliError} when one of them cannot be taken in, each reason on a line of its own before */
async function checked(
  ids: readonly string[],
  adopter: Adopter,
  swept: readonly Instance[],
  { cloud, io }: { readonly cloud: Cloud; readonly io: CliIo },
): Promise<readonly Instance[]> {
  const wanted = [...new Set(ids)];
  const byId = new Map((await cloud.find(wanted, io.signal)).map((instance) => [instance.id, instance]));
  const objections = wanted.flatMap((id) => {
    const objection = objectionTo(byId.get(id), adopter);
    return objection === undefined ? [] : [`${id} ${objection}`];
  });
  for (const objection of objections) io.stderr(complaint(io, 'error', objection));
  if (objections.length > 0) {
    throw new CliError(
      `${objections.length} of ${counted(wanted.length, 'machine')} cannot be adopted; nothing was changed`,
    );
  }
  const machines = wanted.flatMap((id) => byId.get(id) ?? []);
  const news = machines.filter((machine) => !isOwn(machine, adopter)).map(({ id }) => id);
  const noRoom = news.length === 0 ? undefined : noRoomFor(news, swept, adopter);
  if (noRoom !== undefined) {
    throw new CliError(`SpotPool ${adopter.owner.pool} has no room: ${noRoom} Nothing was changed.`);
  }
  return machines;
}

function warnOfMisfits(machine: Instance, adopter: Adopter, io: CliIo): void {
  const misfits = misfitsOf(machine, adopter);
  if (misfits.length === 0) return;
  const text = `${machine.id} is not as the pool would buy it (${misfits.join(', ')}): it serves as it is, and leaves first`;
  io.stderr(complaint(io, 'warning', text));
}

function whose(machine: Instance, adopter: Adopter, verb: string): string {
  if (isOwn(machine, adopter)) return 'belongs to the pool already';
  const before = ownerText(machine, adopter);
  return printable(`${verb}${before === undefined ? '' : `; so far it belonged to ${before}`}`);
}

/** @throws {CliError} when some did not get their tags; saying the same again is safe */
async function claim(
  machines: readonly Instance[],
  adopter: Adopter,
  { cloud, io }: { readonly cloud: Cloud; readonly io: CliIo },
): Promise<void> {
  const news = machines.filter((machine) => !isOwn(machine, adopter)).map(({ id }) => id);
  const results = news.length === 0 ? [] : await cloud.claim(news, adopter.owner, io.signal);
  const errors = new Map(results.flatMap(({ id, error }) => (error ? [[id, error] as const] : [])));
  for (const machine of machines) {
    const error = errors.get(machine.id);
    if (error) io.stderr(complaint(io, 'error', `${machine.id} was not adopted: ${error.message}`));
    else io.stdout(`machine ${machine.id} ${whose(machine, adopter, 'adopted')}\n`);
  }
  if (errors.size === 0) return;
  const unsure = 'whether they carry the tags may not be certain; say the same again once the reason is gone';
  throw new CliError(`${errors.size} of ${counted(machines.length, 'machine')} could not be tagged; ${unsure}`);
}

async function whatNow({ pool: { spec } }: Adopter, statePath: string, io: CliIo): Promise<string> {
  const { port, path, readyTimeoutMs } = spec.readiness;
  const when = (await isOperatorRunning(statePath, io))
    ? `at its next look (every ${formatDuration(spec.checkIntervalMs)}), once their tags show`
    : 'when it runs again; none does now';
  return (
    `The operator takes them in ${when}. They are the pool's from then on: one that does not answer ` +
    `GET :${port}${path} within ${formatDuration(readyTimeoutMs)} is released.\n`
  );
}
