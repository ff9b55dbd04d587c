import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** What the page may hold: the whole form, so that a slip in it is found. */
const Policy = z.strictObject({
  version: z.literal('2.0'),
  statement: z.tuple([
    z.strictObject({
      effect: z.literal('allow'),
      action: z.array(z.string().regex(/^[a-z]+:[A-Z][A-Za-z]+$/)).min(1),
      resource: z.tuple([z.literal('*')]),
    }),
  ]),
});

/** The actions of each policy of `docs/permissions.md`, by the heading that it stands under. */
export const policies: ReadonlyMap<string, readonly string[]> = (() => {
  const page = readFileSync(new URL('../../../docs/permissions.md', import.meta.url), 'utf8');
  const sections = page.split(/^## /m).slice(1);
  return new Map(
    sections.flatMap((section) => {
      const [, json] = /```json\n([\s\S]*?)```/.exec(section) ?? [];
      const heading = section.split('\n')[0] ?? '';
      return json === undefined ? [] : [[heading, Policy.parse(JSON.parse(json)).statement[0].action] as const];
    }),
  );
})();

/** Actions of the policies under these headings. @throws {Error} naming a heading that the page lacks */
export const allowed = (...headings: readonly string[]): readonly string[] =>
  headings.flatMap((heading) => {
    const actions = policies.get(heading);
    if (!actions) throw new Error(`docs/permissions.md has no policy under "${heading}"`);
    return actions;
  });
