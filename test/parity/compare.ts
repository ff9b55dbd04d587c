import type { CelRule, KindDefinition } from '../../src/api/kind.ts';
import type { ServerVerdict, Verdict } from './verdict.ts';

/**
 * In what two verdicts differ, each difference a line; empty when they are the same. They must agree on accept or refuse, and
 * on the fields, with these differences by design:
 * - The API server stops at what it cannot decode: then only unknown fields are compared, where it names any.
 * - A map in the place of something else has unknown fields there, and a wrong type here.
 * - Of a spec that is no map it says once more that replicas, which `scale` reads, cannot be found.
 * - It leaves the rules out after a wrong type, a missing field, a text or list that is too long, or a word that is not one
 *   of a few: then only the fields' own problems are compared.
 * - Otherwise it runs rules on values that are wrong by themselves; we do not repeat such a problem.
 * - A rule about a list points to the list there, to the entry here; names of a map's entries are checked by a rule there.
 *   A rule that cannot be evaluated (a duration beyond 292 years) points to the spec there, to its field here. `Verdict` has
 *   these in one way.
 */
export function differences(ours: Verdict, server: ServerVerdict, kind: KindDefinition): readonly string[] {
  if (ours.isAccepted !== server.isAccepted) {
    const said = ours.isAccepted ? 'we accept, the API server refuses' : 'we refuse, the API server accepts';
    return [
      `${said}: ${server.message} (ours: ${[...ours.unknown, ...ours.schema, ...ours.rules.values()].join(', ')})`,
    ];
  }
  if (server.isAccepted) return [];
  if (server.stage === 'decoding') {
    const outside = [...server.unknown].filter((path) => ![...ours.schema].some((one) => path.startsWith(`${one}.`)));
    return server.unknown.size === 0 ? [] : setDifferences('unknown field', ours.unknown, new Set(outside));
  }
  const known = ours.schema.has('spec') ? ['spec.replicas'] : [];
  const fields = setDifferences(
    'field',
    ours.schema,
    new Set([...server.schema].filter((path) => !known.includes(path))),
  );
  return server.stage === 'schema' ? fields : [...fields, ...ruleDifferences(ours, server, kind)];
}

function setDifferences(what: string, ours: ReadonlySet<string>, theirs: ReadonlySet<string>): readonly string[] {
  return [
    ...[...ours].filter((path) => !theirs.has(path)).map((path) => `${what} ${path}: only we object`),
    ...[...theirs].filter((path) => !ours.has(path)).map((path) => `${what} ${path}: only the API server objects`),
  ];
}

function ruleDifferences(ours: Verdict, server: ServerVerdict, kind: KindDefinition): readonly string[] {
  return kind.rules.flatMap((rule) => {
    const [here, there] = [ours.rules.get(rule.message), server.rules.get(rule.message)];
    if (here === there) return [];
    if (here === undefined && readsOneOf(rule, ours.schema)) return [];
    return [`rule "${rule.message}": ${here ?? 'kept'} here, ${there ?? 'kept'} there`];
  });
}

/** Whether a rule reads a field that is wrong by itself, or something inside or around it. */
function readsOneOf({ rule }: CelRule, paths: ReadonlySet<string>): boolean {
  const reads = [...rule.matchAll(/\bself((?:\.[A-Za-z]+)+)/g)].map(([, path]) => (path ?? '').slice(1).split('.'));
  return [...paths].some((path) => {
    const parts = path
      .replaceAll(/\[\d+\]/g, '')
      .split('.')
      .slice(1);
    return reads.some(
      (read) =>
        read[0] === parts[0] &&
        (parts[1] === undefined || !read[1] || read[1] === parts[1] || /^(all|startsWith)$/.test(read[1])),
    );
  });
}
