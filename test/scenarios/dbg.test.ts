import { it } from 'vitest';
import { startOperator } from '../builders/operator.ts';
import { poolManifest } from '../builders/pool-manifest.ts';
it('dbg', async () => {
  const op = await startOperator({ simulator: { assumptions: { soldOutCode: 'LimitExceeded.SpotQuota' } }, manifests: {} });
  op.simulator.setStock('ap-singapore-2', 'GN7.2XLARGE32', 'SPOTPAID', 0);
  op.write('pool.yaml', [poolManifest('pool')]);
  await op.advance(120_000);
  console.log(op.rawLog.join(''), op.simulator.journal.entries.map((e) => JSON.stringify(e).slice(0, 1300)).join('\n'));
});
