import { describe, expect, it } from 'vitest';
import { kinds } from './kinds.ts';
import { referencePage } from './reference.ts';
import { type Shape, shapeOf } from './shape.ts';

describe.each(kinds.map((kind) => [kind.kind, kind] as const))('the reference of %s', (_, kind) => {
  const page = referencePage(kind);

  it('has a line for every field, with what it means', () => {
    for (const path of [...paths(shapeOf(kind.specSchema)), ...paths(shapeOf(kind.statusSchema))]) {
      expect(page).toMatch(new RegExp(`^\\| \`${path.replaceAll(/[.[\]{}]/g, '\\$&')}\` \\|.* [^ ].* \\|$`, 'm'));
    }
    expect(page).not.toMatch(/\| {2}\|$/m);
  });

  it('has every rule and every column', () => {
    for (const { message } of kind.rules) expect(page).toContain(`- ${message}\n`);
    for (const { name, description } of kind.printerColumns) {
      expect(page).toContain(`| ${name}`);
      expect(page).toContain(description);
    }
  });

  it('has tables whose lines all have as many cells as their head', () => {
    const widths = new Map<string, number>();
    let head = '';
    for (const line of page.split('\n')) {
      if (!line.startsWith('|')) head = '';
      else if (head === '') head = line;
      if (head === '') continue;
      const cells = line.replaceAll('\\|', '').split('|').length;
      expect(cells, line).toBe(widths.get(head) ?? cells);
      widths.set(head, cells);
    }
    expect(widths.size).toBe(3);
  });
});

function paths(shape: Shape, at = ''): string[] {
  const own = [...shape.fields].flatMap(([name, field]) => {
    const path = at === '' ? name : `${at}.${name}`;
    return [path, ...paths(field, path)];
  });
  return shape.items === undefined
    ? own
    : [...own, ...paths(shape.items, `${at}${shape.type === 'map' ? '{}' : '[]'}`)];
}
