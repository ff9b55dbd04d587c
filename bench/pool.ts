/** A pool of the simulator's default world, with `changes` to its spec. */
export function pool(name: string, size: number, changes: Readonly<Record<string, unknown>>): object {
  return {
    apiVersion: 'demo.aiops.org/v1',
    kind: 'SpotPool',
    metadata: { name },
    spec: {
      secretId: 'xxx',
      secretKey: 'xxx',
      region: 'ap-singapore',
      instanceType: 'GN7.2XLARGE32',
      vpcId: 'vpc-86f66zht',
      imageId: 'img-5gn3j31i',
      securityGroupIds: ['sg-aglabemo'],
      minimum: size,
      maximum: size,
      ...changes,
    },
  };
}
