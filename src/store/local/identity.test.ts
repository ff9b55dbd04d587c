import { expect, it } from 'vitest';
import { resolveIdentity } from './identity.ts';

const [one, two, three, made] = ['1', '2', '3', '4'].map((digit) => `${digit.repeat(8)}-1111-4111-8111-111111111111`);
const resolve = (clues: { option?: string; folder?: string; state?: string }): string => {
  const all = { manifestsDir: 'pools', statePath: 'state.db', ...clues };
  return resolveIdentity(all, () => made ?? '');
};
const given = (option?: string, folder?: string, state?: string) => ({
  ...(option === undefined ? {} : { option }),
  ...(folder === undefined ? {} : { folder }),
  ...(state === undefined ? {} : { state }),
});

it.each([
  ['nothing is known: a new one', given(), made],
  ['the folder knows', given(undefined, one), one],
  ['the state knows', given(undefined, undefined, one), one],
  ['both agree', given(undefined, one, one), one],
  ['the user says', given(three, one, two), three],
])('%s', (_name, clues, id) => expect(resolve(clues)).toBe(id));

it.each([
  [
    'contradiction',
    given(undefined, one, two),
    /pools\/\.aiops-installation.*1111.*state\.db.*2222.*--installation-id/,
  ],
  ['no UUID from the user', given('me'), /in --installation-id is "me"/],
  ['no UUID in the folder', given(undefined, '', one), /in pools\/\.aiops-installation is ""/],
  ['no UUID in the state', given(undefined, undefined, 'x'), /in state\.db is "x"/],
])('refuses: %s', (_name, clues, message) => expect(() => resolve(clues)).toThrow(message));
