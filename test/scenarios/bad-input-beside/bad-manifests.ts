import type { Manifest } from '../../builders/operator.ts';
import { poolManifest } from '../../builders/pool-manifest.ts';

/** What no manifest may say, under the name `bad`, and what is said of it: the field with its value, and what is allowed. */
export interface BadManifest {
  readonly name: string;
  readonly manifest: Manifest;
  readonly says: readonly string[];
}

const bad = (changes: Readonly<Record<string, unknown>>): Manifest => [poolManifest('bad', changes)];
export const badManifests: readonly BadManifest[] = [
  { name: 'text for a number', manifest: bad({ minimum: 'two' }), says: ['minimum: "two" is text', '0 to 1000'] },
  {
    name: 'text for a list',
    manifest: bad({ securityGroupIds: 'sg-a' }),
    says: ['securityGroupIds: "sg-a"', 'a list'],
  },
  { name: 'a number for a map', manifest: bad({ instance: 5 }), says: ['instance: 5 is a number', 'systemDisk'] },
  { name: 'text for a flag', manifest: bad({ paused: 'never' }), says: ['paused: "never" is text', 'true or false'] },
  { name: 'no unit in a duration', manifest: bad({ checkInterval: '20' }), says: ['checkInterval: "20"', '20s, 5m'] },
  { name: 'an unknown field', manifest: bad({ maximun: 3 }), says: ['unknown field "maximun"; did you mean maximum?'] },
  {
    name: 'an unknown field further in',
    manifest: bad({ instance: { systemDisc: {} } }),
    says: ['unknown field "systemDisc" in instance; did you mean instance.systemDisk?'],
  },
  { name: 'both spellings of minimum', manifest: bad({ minSize: 1 }), says: ['minimum and minSize are two spellings'] },
  { name: 'both spellings of maximum', manifest: bad({ maxSize: 1 }), says: ['maximum and maxSize', 'keep maximum'] },
  {
    name: 'both spellings of the zone',
    manifest: bad({ availableZone: 'ap-singapore-2' }),
    says: ['availabilityZone and availableZone are two spellings', 'keep availabilityZone'],
  },
  {
    name: 'both spellings of the groups',
    manifest: bad({ securityGroupId: 'sg-aglabemo' }),
    says: ['securityGroupIds and securityGroupId are two spellings', 'keep securityGroupIds'],
  },
  {
    name: 'minimum above maximum',
    manifest: bad({ minimum: 3, maximum: 2 }),
    says: ['minimum must not be greater than maximum', 'minimum 3, maximum 2'],
  },
  {
    name: 'minSize above maxSize',
    manifest: bad({ minimum: undefined, maximum: undefined, minSize: 3, maxSize: 2 }),
    says: ['minimum must not be greater than maximum', 'minSize 3, maxSize 2'],
  },
  { name: 'a negative minimum', manifest: bad({ minimum: -1 }), says: ['minimum: -1 is too small', '0 to 1000'] },
  { name: 'a negative maximum', manifest: bad({ maximum: -5 }), says: ['maximum: -5 is too small', '0 to 1000'] },
  { name: 'negative replicas', manifest: bad({ replicas: -1 }), says: ['replicas: -1 is too small', 'at least 0'] },
  { name: 'an empty type', manifest: bad({ instanceType: '' }), says: ['instanceType: "" is empty', '1 to 64'] },
  { name: 'an empty region', manifest: bad({ region: '' }), says: ['region: "" is empty', 'text that matches'] },
  { name: 'an empty image', manifest: bad({ imageId: '' }), says: ['imageId: "" is empty', '^img-'] },
  { name: 'an empty key', manifest: bad({ secretKey: '' }), says: ['secretKey: the value (not shown) is empty'] },
  { name: 'half of the keys', manifest: bad({ secretKey: undefined }), says: ['secretId and secretKey go together'] },
  {
    name: 'a zone of another region',
    manifest: bad({ availabilityZone: 'ap-guangzhou-3' }),
    says: ['availabilityZone must lie in region', 'availabilityZone "ap-guangzhou-3", region "ap-singapore"'],
  },
  {
    name: 'an offering in another region',
    manifest: bad({ offerings: [{ availabilityZone: 'ap-guangzhou-3' }] }),
    says: ['the availabilityZone of each offering must lie in region', '"ap-guangzhou-3"'],
  },
  { name: 'no region', manifest: bad({ region: undefined }), says: ['region is missing; it must be text'] },
  {
    name: 'a kind that is not known',
    manifest: [{ ...poolManifest('bad'), kind: 'SpotPol' }],
    says: ['kind: demo.aiops.org/v1 SpotPol is not a known kind; did you mean "demo.aiops.org/v1 SpotPool"?'],
  },
  { name: 'a bad name', manifest: [poolManifest('A_b')], says: ['metadata.name: is "A_b"; allowed are lower-case'] },
  { name: 'YAML that does not parse', manifest: 'kind: [unclosed\n', says: ['bad.yaml:2:1: not valid YAML'] },
  { name: 'a tab in YAML', manifest: 'kind: SpotPool\n\tspec: {}\n', says: ['bad.yaml:2:1: not valid YAML', 'Tabs'] },
  { name: 'a file that is no text', manifest: '\0\x01', says: ['bad.yaml'] },
];
