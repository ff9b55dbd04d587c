import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  assertAddress,
  assertTarget,
  isLoopback,
  parseConnectTo,
  parseEgressMode,
  parseNoProxy,
  parseProxy,
} from './egress-rules.ts';

const allows = (check: () => void): boolean => {
  try {
    check();
    return true;
  } catch (error) {
    expect(error).toMatchObject({ name: 'EgressError' });
    return false;
  }
};

describe('which addresses may be connected to', () => {
  it.each([
    // address, in default mode, in loopback mode
    ['127.0.0.1', true, true],
    ['127.45.6.7', true, true],
    ['::1', true, true],
    ['[::1]', true, true],
    ['::ffff:127.0.0.1', true, true],
    ['8.8.8.8', true, false],
    ['10.0.0.1', true, false],
    ['0.0.0.0', true, false],
    ['2001:db8::1', true, false],
    ['169.254.0.23', false, false],
    ['169.254.169.254', false, false],
    ['::ffff:169.254.169.254', false, false],
    ['::ffff:a9fe:a9fe', false, false],
    ['64:ff9b::a9fe:a9fe', false, false],
    ['fe80::1', false, false],
    ['fe80::1%eth0', false, false],
    ['febf::1', false, false],
    ['100.100.100.200', false, false],
    ['168.63.129.16', false, false],
    ['192.0.0.192', false, false],
    ['fd00:ec2::254', false, false],
    ['not-an-address', false, false],
  ])('%s: default %s, loopback %s', (address, inDefault, inLoopback) => {
    expect(allows(() => assertAddress('default', address))).toBe(inDefault);
    expect(allows(() => assertAddress('loopback', address))).toBe(inLoopback);
  });

  it('loopback mode lets nothing through that does not begin with 127', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect(allows(() => assertAddress('loopback', address))).toBe(address.startsWith('127.'));
        expect(isLoopback(address)).toBe(address.startsWith('127.'));
      }),
    );
  });

  it('metadata is let through for the one who asks for it, and never in loopback mode', () => {
    expect(allows(() => assertAddress('default', '169.254.0.23', true))).toBe(true);
    expect(allows(() => assertAddress('default', '100.100.100.200', true))).toBe(false);
    expect(allows(() => assertAddress('loopback', '169.254.0.23', true))).toBe(false);
  });

  it.each([
    ['localhost', true],
    ['LOCALHOST.', true],
    ['example.com', false],
    ['localhost.example.com', false],
    ['127.0.0.1.nip.example', false],
  ])('in loopback mode the name %s: %s, without a name server', (host, isAllowed) => {
    expect(allows(() => assertTarget('loopback', host))).toBe(isAllowed);
    expect(allows(() => assertTarget('default', host))).toBe(true);
  });

  it('the refusal says what would help', () => {
    expect(() => assertTarget('loopback', 'example.com')).toThrow(
      /example\.com .*--connect-to HOST:PORT=127\.0\.0\.1:PORT/,
    );
  });
});

describe('--connect-to', () => {
  it.each([
    ['cvm.example.com:443=127.0.0.1:8443', 'CVM.example.com.', 443, '127.0.0.1', 8443],
    ['119.28.76.99:8001=127.0.0.1:18001', '119.28.76.99', 8001, '127.0.0.1', 18_001],
    ['[2001:db8::1]:80=[::1]:8080', '[2001:db8::1]', 80, '::1', 8080],
  ])('%s', (value, host, port, toHost, toPort) => {
    expect(parseConnectTo([value])({ host, port })).toEqual({ host: toHost, port: toPort });
  });

  it('leaves other ports and hosts alone', () => {
    const map = parseConnectTo(['a.example:443=127.0.0.1:1']);
    expect(map({ host: 'a.example', port: 80 })).toEqual({ host: 'a.example', port: 80 });
    expect(map({ host: 'b.example', port: 443 })).toEqual({ host: 'b.example', port: 443 });
  });

  it.each([
    '',
    'a.example',
    'a.example:443',
    'a.example:443=',
    'a:1=b:2=c:3',
    'a:0=b:1',
    'a:1=b:65536',
    'http://a:1=b:2',
    '::1:80=b:1',
    'a b:1=c:2',
  ])('"%s" is refused, naming the flag, the value and the form', (value) => {
    expect(() => parseConnectTo([value])).toThrow(RangeError);
    expect(() => parseConnectTo([value])).toThrow(`--connect-to "${value}": write HOST:PORT=HOST:PORT`);
  });

  it('one target cannot lead to two places', () => {
    expect(() => parseConnectTo(['a:1=b:2', 'A:1=c:3'])).toThrow('a:1 is mapped twice');
  });
});

it('--egress names what is allowed', () => {
  expect(parseEgressMode('loopback')).toBe('loopback');
  expect(() => parseEgressMode('none')).toThrow('--egress "none": write default or loopback');
});

describe('HTTPS_PROXY', () => {
  it.each([
    [{}, undefined],
    [{ http_proxy: 'http://p:1', HTTP_PROXY: 'http://p:1' }, undefined],
    [{ HTTPS_PROXY: '' }, undefined],
    [{ HTTPS_PROXY: 'http://proxy.example:3128' }, { host: 'proxy.example', port: 3128, secure: false }],
    [{ https_proxy: 'proxy.example:3128' }, { host: 'proxy.example', port: 3128, secure: false }],
    [{ HTTPS_PROXY: 'https://proxy.example' }, { host: 'proxy.example', port: 443, secure: true }],
    [
      { HTTPS_PROXY: 'http://a:1', https_proxy: 'http://b:2' },
      { host: 'a', port: 1, secure: false },
    ],
    [
      { HTTPS_PROXY: 'http://me:p%40ss@proxy.example' },
      { host: 'proxy.example', port: 80, secure: false, authorization: `Basic ${btoa('me:p@ss')}` },
    ],
  ])('%j', (env, proxy) => {
    expect(parseProxy(env)).toEqual(proxy);
  });

  it.each(['socks5://p:1', 'http://'])('"%s" is refused without being repeated', (value) => {
    expect(() => parseProxy({ HTTPS_PROXY: value })).toThrow(/^HTTPS_PROXY is not a proxy address/);
  });
});

describe('NO_PROXY', () => {
  const list =
    'plain.example, .dot.example,*.star.example,port.example:8443,10.1.0.0/16,192.0.2.7,2001:db8::/32,::2,bad/x';
  it.each([
    ['plain.example', 443, true],
    ['sub.plain.example', 443, true],
    ['notplain.example', 443, false],
    ['dot.example', 443, true],
    ['a.dot.example', 443, true],
    ['a.star.example', 443, true],
    ['port.example', 8443, true],
    ['port.example', 443, false],
    ['10.1.2.3', 443, true],
    ['10.2.2.3', 443, false],
    ['192.0.2.7', 443, true],
    ['1.192.0.2.7', 443, false],
    ['2001:db8::5', 443, true],
    ['2001:db9::5', 443, false],
    ['::2', 443, true],
    ['localhost', 443, true],
    ['127.0.0.1', 443, true],
    ['other.example', 443, false],
  ])('%s:%i is reached directly: %s', (host, port, isDirect) => {
    expect(parseNoProxy({ NO_PROXY: list })({ host, port })).toBe(isDirect);
    expect(parseNoProxy({ no_proxy: list })({ host, port })).toBe(isDirect);
  });

  it('* switches the proxy off, nothing leaves it on', () => {
    expect(parseNoProxy({ NO_PROXY: '*' })({ host: 'a.example', port: 1 })).toBe(true);
    expect(parseNoProxy({})({ host: 'a.example', port: 1 })).toBe(false);
  });
});
