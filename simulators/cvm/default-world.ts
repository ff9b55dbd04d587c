import type { TypeSpec, WorldSpec } from './model.ts';

const REGION = 'ap-singapore';

const t4 = (instanceType: string, cpu: number, memoryGiB: number, gpuCount: number): TypeSpec => ({
  instanceType,
  family: 'GN7',
  typeName: 'GPU Compute GN7',
  cpu,
  memoryGiB,
  gpuCount,
  gpuType: 'NVIDIA Tesla T4',
  gpuMemoryGiB: 16,
  cpuType: 'Intel Xeon Cascade Lake 8255C (2.5 GHz)',
  isSpot: true,
});

const image = {
  region: REGION,
  description: '',
  osName: 'Ubuntu Server 22.04 LTS 64bit',
  platform: 'Ubuntu',
  isCloudInit: true,
  tags: [],
  state: 'NORMAL',
  isBroken: false,
} as const;

/**
 * A region with three zones that knows every id of the sample manifests. Prices in USD as on the international site: list
 * prices near the vendor's price overview, spot at a fifth of the list.
 */
export function defaultWorld(): WorldSpec {
  return {
    regions: [
      { region: REGION, english: 'Southeast Asia (Singapore)', chinese: '亚太东南（新加坡）' },
      { region: 'ap-guangzhou', english: 'South China (Guangzhou)', chinese: '华南地区（广州）' },
    ],
    zones: [1, 2, 3].map((n) => ({
      zone: `${REGION}-${n}`,
      region: REGION,
      id: `90000${n}`,
      english: `Singapore Zone ${n}`,
      chinese: `新加坡${'一二三'[n - 1]}区`,
    })),
    types: [
      t4('GN7.2XLARGE32', 8, 32, 1),
      t4('GN7.5XLARGE80', 20, 80, 1),
      {
        ...t4('S5.MEDIUM4', 2, 4, 0),
        family: 'S5',
        typeName: 'Standard S5',
        gpuType: '',
        gpuMemoryGiB: 0,
      },
    ],
    offers: [1, 2, 3].flatMap((n) => [
      offer(n, 'GN7.2XLARGE32', 1.26, n === 2 ? 20 : 25, 20),
      offer(n, 'GN7.5XLARGE80', 2.36, n === 2 ? 20 : 25, 8),
      offer(n, 'S5.MEDIUM4', 0.06, 20, 100),
    ]),
    vpcs: [{ vpcId: 'vpc-86f66zht', region: REGION }],
    subnets: [subnet(1, 'subnet-k3m8q0a1'), subnet(2, 'subnet-gfrv79s2'), subnet(3, 'subnet-t7w2c5d3')],
    securityGroups: [{ groupId: 'sg-aglabemo', region: REGION }],
    keyPairs: ['skey-a1b2c3d4'],
    images: [
      {
        ...image,
        id: 'img-5gn3j31i',
        name: 'ollama-qwen2.5-coder',
        type: 'PRIVATE_IMAGE',
        sizeGiB: 50,
        snapshots: [{ id: 'snap-5gn3j31i', usage: 'SYSTEM_DISK', sizeGiB: 50 }],
        readyAfterMs: 20_000,
      },
      {
        ...image,
        id: 'img-487zeit5',
        name: 'Ubuntu Server 22.04 LTS 64bit',
        type: 'PUBLIC_IMAGE',
        sizeGiB: 20,
        snapshots: [],
        readyAfterMs: 20_000,
      },
    ],
  };
}

function offer(
  zone: number,
  instanceType: string,
  listPrice: number,
  spotPercent: number,
  stock: number,
): WorldSpec['offers'][number] {
  return {
    zone: `${REGION}-${zone}`,
    instanceType,
    listPrice,
    spotPercent,
    stock: { SPOTPAID: stock, POSTPAID_BY_HOUR: stock },
  };
}

function subnet(zone: number, subnetId: string): WorldSpec['subnets'][number] {
  return {
    subnetId,
    vpcId: 'vpc-86f66zht',
    region: REGION,
    zone: `${REGION}-${zone}`,
    prefix: `10.0.${zone}.`,
    free: 253,
  };
}
