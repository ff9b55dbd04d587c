import { describe, expect, it } from 'vitest';
import { alive, calls, everBought, mostAlive, released } from '../../builders/cloud-judge.ts';
import { type OperatorUnderTest, startOperator } from '../../builders/operator.ts';
import { secretManifest } from '../../builders/pool-manifest.ts';
import { isReady, loseOne, MINUTE, pool, shown, warnings } from './frame.ts';

const FIRST = { secretId: 'AKIDfirstfirst', secretKey: 'first-secret-key' };
const SECOND = { secretId: 'AKIDsecondsecond', secretKey: 'second-secret-key' };
const ACCOUNT = 'the-account';

const writeKeys = (op: OperatorUnderTest, keys: Readonly<Record<string, string>>): void =>
  op.write('secret.yaml', [secretManifest('tencent', keys)]);

/** A pool with two machines whose keys are those of a Secret. */
async function poolWithSecret(keys: Readonly<Record<string, string>> = FIRST): Promise<OperatorUnderTest> {
  const op = await startOperator({
    simulator: { accounts: [{ name: ACCOUNT, keys: [FIRST] }] },
    manifests: {
      'pool.yaml': [pool({ secretId: undefined, secretKey: undefined, credentialsSecretRef: { name: 'tencent' } })],
    },
  });
  if (keys !== FIRST) op.simulator.addKey(ACCOUNT, keys as typeof FIRST);
  writeKeys(op, keys);
  await op.until('the pool is ready', () => isReady(op));
  return op;
}

const REFUSED = [
  'CredentialsValid False InvalidCredentials',
  'Stalled True InvalidCredentials',
  'Reconciling False InvalidCredentials',
  'Ready Unknown InvalidCredentials',
];

/** The keys stop working; a machine is lost, which nobody can see or make up for. */
async function expectHeld(op: OperatorUnderTest, code: string, stopKeys: () => void): Promise<number> {
  stopKeys();
  const since = op.clock.now();
  await op.until('it is noticed', () => op.condition('pool', 'CredentialsValid')?.status === 'False', MINUTE);
  loseOne(op);
  await op.advance(20 * MINUTE);
  expect(shown(op, REFUSED)).toEqual(REFUSED);
  const { message } = op.condition('pool', 'CredentialsValid') ?? {};
  expect(message).toContain('Secret default/tencent');
  expect(message).toContain(code);
  expect(warnings(op)).toContain('InvalidCredentials');
  expect(calls(op.simulator, 'RunInstances', since)).toEqual([]);
  expect(calls(op.simulator, 'TerminateInstances', since)).toEqual([]);
  expect(calls(op.simulator, 'DescribeInstances', since).length).toBeLessThanOrEqual(8);
  expect(op.pool('pool')?.status?.instances).toHaveLength(2);
  return since;
}

/** The pool goes on with what it has, and makes up for the one that was lost. */
async function expectRecovered(op: OperatorUnderTest, withinMs: number): Promise<void> {
  await op.until('the keys are accepted', () => op.condition('pool', 'CredentialsValid')?.status === 'True', withinMs);
  await op.until('the loss is made up for', () => isReady(op) && alive(op.simulator).length === 2, 3 * MINUTE);
  expect(op.condition('pool', 'Stalled')?.status).toBe('False');
  expect(everBought(op.simulator)).toHaveLength(3);
  expect(released(op.simulator)).toEqual([]);
  expect(mostAlive(op.simulator)).toBe(2);
  for (const { secretKey } of [FIRST, SECOND]) expect(op.rawLog.join('')).not.toContain(secretKey);
}

describe('keys that stop working', () => {
  it('rotated in the cloud before the Secret: the pool waits, and goes on when the Secret has the new key', async () => {
    const op = await poolWithSecret();
    await expectHeld(op, 'AuthFailure.SignatureFailure', () =>
      op.simulator.rotateKey(FIRST.secretId, SECOND.secretKey),
    );
    writeKeys(op, { secretId: FIRST.secretId, secretKey: SECOND.secretKey });
    await expectRecovered(op, 15_000);
  });

  it('revoked: the pool waits, and goes on with another key of the same account', async () => {
    const op = await poolWithSecret();
    await expectHeld(op, 'AuthFailure.SecretIdNotFound', () => op.simulator.disableKey(FIRST.secretId));
    op.simulator.addKey(ACCOUNT, SECOND);
    // First half of it, as people do.
    writeKeys(op, { secretId: SECOND.secretId, secretKey: FIRST.secretKey });
    await op.until(
      'the other refusal is told',
      () => op.condition('pool', 'CredentialsValid')?.message.includes('AuthFailure.SignatureFailure'),
      15_000,
    );
    writeKeys(op, SECOND);
    await expectRecovered(op, 15_000);
  });

  it('revoked by mistake: the pool goes on by itself when the key works again', async () => {
    const op = await poolWithSecret();
    await expectHeld(op, 'AuthFailure.SecretIdNotFound', () => op.simulator.disableKey(FIRST.secretId));
    op.simulator.disableKey(FIRST.secretId, false);
    await expectRecovered(op, 6 * MINUTE);
  });

  it('temporary ones that have expired: the pool waits, and goes on with the next token', async () => {
    const op = await poolWithSecret({ ...SECOND, token: 'the-first-token' });
    await expectHeld(op, 'AuthFailure.TokenFailure', () => {
      // The service knows the key by its newest token only.
      op.simulator.disableKey(SECOND.secretId);
      op.simulator.addKey(ACCOUNT, { ...SECOND, token: 'the-second-token' });
    });
    writeKeys(op, { ...SECOND, token: 'the-second-token' });
    await expectRecovered(op, 15_000);
    expect(op.rawLog.join('')).not.toContain('-token');
  });

  it('signed by a clock that is off: the pool says so, and goes on when the clock is right', async () => {
    const op = await poolWithSecret();
    await expectHeld(op, 'AuthFailure.SignatureExpire', () => op.simulator.setSkew(6 * MINUTE));
    expect(op.condition('pool', 'CredentialsValid')?.message).toContain("this machine's clock");
    op.simulator.setSkew(0);
    await expectRecovered(op, 6 * MINUTE);
  });
});

describe('keys that are changed in time', () => {
  it('the Secret first, the old key revoked later: nothing is ever interrupted', async () => {
    const op = await poolWithSecret();
    const before = alive(op.simulator);
    op.simulator.addKey(ACCOUNT, SECOND);
    writeKeys(op, SECOND);
    const since = op.clock.now();
    await op.advance(2 * MINUTE);
    op.simulator.disableKey(FIRST.secretId);
    for (let minute = 0; minute < 10; minute += 1) {
      await op.advance(MINUTE);
      expect(isReady(op)).toBe(true);
    }
    expect(op.condition('pool', 'CredentialsValid')?.status).toBe('True');
    expect(calls(op.simulator, 'DescribeInstances', since + MINUTE).map(({ secretId }) => secretId)).not.toContain(
      FIRST.secretId,
    );
    expect(alive(op.simulator)).toEqual(before);
    expect(everBought(op.simulator)).toHaveLength(2);
  });

  it('while a purchase has no answer: it is found with the new key, not made twice', async () => {
    const op = await poolWithSecret();
    op.simulator.addFault({ action: 'RunInstances', kind: 'hang-after', times: 1 });
    loseOne(op);
    await op.until('the purchase is under way', () => everBought(op.simulator).length === 3, 2 * MINUTE);
    op.simulator.disableKey(FIRST.secretId);
    await op.advance(10 * MINUTE);
    op.simulator.addKey(ACCOUNT, SECOND);
    writeKeys(op, SECOND);
    await op.until('two answer', () => isReady(op), 5 * MINUTE);
    await op.advance(5 * MINUTE);
    expect(everBought(op.simulator)).toHaveLength(3);
    expect(mostAlive(op.simulator)).toBe(2);
    expect(released(op.simulator)).toEqual([]);
  });
});
