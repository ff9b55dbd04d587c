import type { IncomingMessage, ServerResponse } from 'node:http';
import { unknownRegion } from './actions/catalogue.ts';
import { PRODUCTS, productOf } from './actions/index.ts';
import { forgetToken } from './actions/run-instances.ts';
import { ApiError } from './api-error.ts';
import type { Call } from './call.ts';
import { type Fault, type Faults, strikesAfter } from './faults.ts';
import type { AccessKey, AccountRecord } from './model.ts';
import { uuid } from './random.ts';
import type { Rates } from './rates.ts';
import { verifyTc3, verifyV1 } from './signature.ts';
import { readBody, readCall, UNREADABLE, type WireCall } from './wire.ts';
import type { World } from './world.ts';

/** The front door of the API. */
export interface Gateway {
  /** Calls whose answer is not out yet; those held by a hang are not among them. */
  readonly inFlight: number;
  /** Calls held by a hang whose caller still waits. */
  readonly hanging: number;
  handle(message: IncomingMessage, response: ServerResponse): Promise<void>;
}

export interface GatewayOptions {
  readonly world: World;
  readonly faults: Faults;
  readonly rates: Rates;
  /** Signatures are checked against the machine's own clock, since SDKs sign with it. */
  readonly realNow: () => number;
}

interface Outcome {
  readonly response: object;
  /** `ok` or the error's code. */
  readonly result: string;
}

interface Identity {
  readonly account: AccountRecord;
  readonly key: AccessKey;
}

export function createGateway(options: GatewayOptions): Gateway {
  const { world, faults } = options;
  let inFlight = 0;
  let hanging = 0;

  const held = new WeakSet<ServerResponse>();
  const hold = (response: ServerResponse): void => {
    // The caller may have left while its call was looked at.
    if (response.closed) return;
    held.add(response);
    inFlight -= 1;
    hanging += 1;
  };

  const answer = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const at = world.clock.now();
    const requestId = uuid(world.random);
    const touched = new Set<string>();
    let wire: WireCall | undefined;
    let fault: Fault | undefined;
    let identity: Identity | undefined;
    let outcome: Outcome | undefined;
    try {
      wire = readCall(message, await readBody(message));
      identity = authenticate(options, wire);
      fault = faults.take(wire.action);
      if (!fault || strikesAfter(fault) || fault.kind === 'code' || fault.kind === 'throttle') {
        if (fault && !strikesAfter(fault)) throw ordered(fault, requestId);
        const call: Call = {
          world,
          account: identity.account,
          region: wire.region,
          requestId,
          language: wire.language,
          touched,
        };
        outcome = { response: admit(options, wire, identity, call), result: 'ok' };
        if (fault) forgetToken(call, clientTokenOf(wire));
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const code = error.code;
      outcome = { response: { Error: { Code: code, Message: error.texts[wire?.language ?? 'zh-CN'] } }, result: code };
    }
    const status = statusOf(fault);
    world.journal.add({
      kind: 'call',
      at,
      action: wire?.action ?? '',
      region: wire?.region ?? '',
      secretId: identity?.key.secretId ?? wire?.signedParams?.['SecretId'] ?? claimedId(wire),
      clientToken: wire ? clientTokenOf(wire) : '',
      body: wire ? redact(wire.params) : undefined,
      result: outcome?.result ?? 'none',
      instanceIds: [...touched],
      ...(fault ? { fault: fault.kind } : {}),
      httpStatus: status,
      requestId,
    });
    if (wire?.traceId) response.setHeader('X-TC-TraceId', wire.traceId);
    if (status === 0 && fault?.kind.startsWith('hang')) hold(response);
    else send(response, fault, { Response: { ...outcome?.response, RequestId: requestId } }, requestId);
  };

  return {
    get inFlight() {
      return inFlight;
    },
    get hanging() {
      return hanging;
    },
    async handle(message, response) {
      inFlight += 1;
      response.once('close', () => {
        if (held.has(response)) hanging -= 1;
        else inFlight -= 1;
      });
      await answer(message, response);
    },
  };
}

function authenticate(options: GatewayOptions, wire: WireCall): Identity {
  const { world } = options;
  const secretOf = (secretId: string): string | undefined => findKey(world, secretId)?.key.secretKey;
  const secretId = wire.signedParams
    ? verifyV1(wire.request, wire.signedParams, secretOf, options.realNow())
    : verifyTc3(wire.request, secretOf, options.realNow());
  const identity = findKey(world, secretId);
  if (!identity) throw new Error(`key ${secretId} vanished while it was checked`);
  const { token = '', expiresAt } = identity.key;
  if (token !== wire.token || (expiresAt !== undefined && world.clock.now() >= expiresAt)) {
    throw new ApiError('AuthFailure.TokenFailure', 'The token is invalid or has expired.', 'Token错误或已过期。');
  }
  return identity;
}

function findKey(world: World, secretId: string): Identity | undefined {
  for (const account of world.accounts) {
    const key = account.keys.find((candidate) => candidate.secretId === secretId && !candidate.isDisabled);
    if (key) return { account, key };
  }
  return undefined;
}

/** The checks between the signature and the action, in the order in which the vendor's front end makes them. */
function admit(options: GatewayOptions, wire: WireCall, identity: Identity, call: Call): object {
  const { world, rates } = options;
  if (wire.action === '') throw missing('Action');
  if (wire.version === '') throw missing('Version');
  const product = chooseProduct(wire);
  if (wire.version !== product.version) {
    const text = `The version \`${wire.version}\` does not exist; the service ${product.name} has ${product.version}.`;
    throw new ApiError(
      'NoSuchVersion',
      text,
      `接口版本\`${wire.version}\`不存在，服务${product.name}的版本为${product.version}。`,
    );
  }
  const action = Object.hasOwn(product.actions, wire.action) ? product.actions[wire.action] : undefined;
  if (!action) {
    const text = `The action \`${wire.action}\` does not exist or is not supported by this simulator.`;
    throw new ApiError('InvalidAction', text, `接口\`${wire.action}\`不存在或本模拟器不支持。`);
  }
  if (wire.action !== 'DescribeRegions') {
    if (wire.region === '') throw missing('Region');
    if (!world.spec.regions.some((region) => region.region === wire.region)) throw unknownRegion(wire.region);
  }
  if (!rates.take(wire.action, wire.region, identity.key.secretId, world.clock.monotonic()))
    throw throttled(wire.action);
  const { allowed } = identity.key;
  if (allowed && !allowed.has(wire.action)) {
    throw new ApiError(
      'UnauthorizedOperation.PermissionDenied',
      `You are not authorized to perform operation (${product.name}:${wire.action}). Please check your CAM policy.`,
      `未授权操作（${product.name}:${wire.action}），请检查CAM策略。`,
    );
  }
  if (allowed && wire.action === 'RunInstances' && handsRoleOn(wire) && !allowed.has('PassRole')) {
    throw new ApiError(
      'AuthFailure.CamRoleNameAuthenticateFailed',
      'You are not authorized to perform operation (cam:PassRole). Please check your CAM policy.',
      '未授权操作（cam:PassRole），请检查CAM策略。',
    );
  }
  if (wire.params === UNREADABLE) {
    throw new ApiError('InvalidRequest', 'The request body is not a JSON object.', '请求体不是JSON对象。');
  }
  return action(call, wire.params, wire.isText);
}

/** Whether the machines are to get a CAM role: whoever gives it must be allowed to. */
function handsRoleOn({ params }: WireCall): boolean {
  return ((params as { CamRoleName?: unknown } | undefined)?.CamRoleName ?? '') !== '';
}

/** By the name of the host where that is a real one, else by the action. */
function chooseProduct(wire: WireCall): ReturnType<typeof productOf> {
  const host = wire.request.headers['host'] ?? '';
  const service = /^([a-z]+)\.(?:[a-z0-9-]+\.)*tencentcloudapi\.com/.exec(host)?.[1];
  if (service === undefined) return productOf(wire.action);
  const product = Object.hasOwn(PRODUCTS, service) ? PRODUCTS[service] : undefined;
  if (product) return product;
  const text = `The product \`${service}\` is not simulated here.`;
  throw new ApiError('NoSuchProduct', text, `本模拟器不支持产品\`${service}\`。`);
}

function missing(name: string): ApiError {
  return new ApiError(
    'MissingParameter',
    `The request is missing a required parameter \`${name}\`.`,
    `请求缺少必要参数\`${name}\`。`,
  );
}

function throttled(action: string): ApiError {
  return new ApiError(
    'RequestLimitExceeded',
    `Your current request times exceed the limit of ${action} in a second.`,
    `您当前每秒请求次数超过了接口${action}的频率上限。`,
  );
}

/** The error of a fault that is an error answer without an effect. Some texts of the vendor's quote the request too. */
function ordered(fault: Fault, requestId: string): ApiError {
  if (fault.kind === 'throttle') return throttled(fault.action);
  const code = fault.code ?? 'InternalError';
  const quoted = `[request id:${requestId}]`;
  return new ApiError(code, `A fault was ordered: ${code}. ${quoted}`, `按要求返回的错误：${code}。${quoted}`);
}

function clientTokenOf(wire: WireCall): string {
  const token = (wire.params as { ClientToken?: unknown } | undefined)?.ClientToken;
  return typeof token === 'string' ? token : '';
}

function claimedId(wire: WireCall | undefined): string {
  return /Credential=([^/,\s]+)\//.exec(wire?.request.headers['authorization'] ?? '')?.[1] ?? '';
}

/** A copy without passwords. */
function redact(params: unknown): unknown {
  if (params === UNREADABLE) return undefined;
  return JSON.parse(JSON.stringify(params, (name, value: unknown) => (name === 'Password' ? '***' : value)));
}

function statusOf(fault: Fault | undefined): number {
  switch (fault?.kind) {
    case 'http-500-before':
    case 'http-500-after':
      return 500;
    case 'http-502':
      return 502;
    case 'hang':
    case 'hang-after':
    case 'reset-before':
    case 'reset-after':
      return 0;
    default:
      return 200;
  }
}

const HTML = '<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n';

function send(response: ServerResponse, fault: Fault | undefined, body: object, requestId: string): void {
  const json = Buffer.from(JSON.stringify(body));
  const type = 'application/json';
  switch (fault?.kind) {
    case 'reset-before':
    case 'reset-after':
      response.socket?.resetAndDestroy();
      return;
    case 'http-500-before':
    case 'http-500-after':
      response.writeHead(500, { 'Content-Type': 'text/plain' }).end('Internal Server Error\n');
      return;
    case 'http-502':
    case 'html':
      response.writeHead(statusOf(fault), { 'Content-Type': 'text/html' }).end(HTML);
      return;
    case 'truncated':
      response.writeHead(200, { 'Content-Type': type, 'Content-Length': json.length });
      response.write(json.subarray(0, Math.floor(json.length / 2)), () => response.destroy());
      return;
    case 'internal-error-before':
    case 'internal-error-after': {
      const error = { Code: 'InternalError', Message: 'An internal error has occurred. Retry your request.' };
      const text = JSON.stringify({ Response: { Error: error, RequestId: requestId } });
      response.writeHead(200, { 'Content-Type': type }).end(text);
      return;
    }
    default:
      response.writeHead(200, { 'Content-Type': type, 'Content-Length': json.length }).end(json);
  }
}
