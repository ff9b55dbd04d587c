import { createHash, createHmac } from 'node:crypto';

// A client of the vendor's API for benches: it signs as "Signature v3" of the vendor's documents says, and knows no more.

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

function signed(host: string, body: string): Record<string, string> {
  const timestamp = Math.floor(Date.now() / 1000);
  const scope = `${new Date(timestamp * 1000).toISOString().slice(0, 10)}/cvm/tc3_request`;
  const canonical = `POST\n/\n\ncontent-type:application/json\nhost:${host}\n\ncontent-type;host\n${sha256(body)}`;
  const key = hmac(hmac(hmac('TC3xxx', scope.slice(0, 10)), 'cvm'), 'tc3_request');
  const text = `TC3-HMAC-SHA256\n${timestamp}\n${scope}\n${sha256(canonical)}`;
  const signature = hmac(key, text).toString('hex');
  return {
    'content-type': 'application/json',
    'x-tc-timestamp': String(timestamp),
    authorization: `TC3-HMAC-SHA256 Credential=xxx/${scope}, SignedHeaders=content-type;host, Signature=${signature}`,
  };
}

/** Calls an action in ap-singapore with the key xxx. @returns the code of the error, or `ok` */
export async function callCloud(
  cloud: { readonly url: string; readonly endpoint: string },
  action: string,
  body: object,
): Promise<string> {
  const text = JSON.stringify(body);
  const response = await fetch(cloud.url, {
    method: 'POST',
    body: text,
    headers: {
      ...signed(cloud.endpoint, text),
      'x-tc-action': action,
      'x-tc-version': '2017-03-12',
      'x-tc-region': 'ap-singapore',
    },
  });
  const { Response } = (await response.json()) as { Response: { Error?: { Code: string } } };
  return Response.Error?.Code ?? 'ok';
}
