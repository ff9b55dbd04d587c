/** What the manifest of the field asks for, under another name, with `changes` to its spec; `undefined` leaves a field out. */
export function poolManifest(name: string, changes: Readonly<Record<string, unknown>> = {}): object {
  const spec: Record<string, unknown> = {
    secretId: 'xxx',
    secretKey: 'xxx',
    region: 'ap-singapore',
    availabilityZone: 'ap-singapore-2',
    instanceType: 'GN7.2XLARGE32',
    subnetId: 'subnet-gfrv79s2',
    vpcId: 'vpc-86f66zht',
    imageId: 'img-5gn3j31i',
    securityGroupIds: ['sg-aglabemo'],
    minimum: 1,
    maximum: 2,
    ...changes,
  };
  for (const [field, value] of Object.entries(spec)) if (value === undefined) delete spec[field];
  return { apiVersion: 'demo.aiops.org/v1', kind: 'SpotPool', metadata: { name }, spec };
}

/** A Secret, as `credentialsSecretRef` names one. */
export function secretManifest(name: string, stringData: Readonly<Record<string, string>>): object {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData };
}
