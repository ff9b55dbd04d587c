import { Agent, request } from 'node:https';
import type { ControlPlane } from '../../tools/envtest/envtest.ts';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** The real judge: what an API server says of an object that it is asked to make and must not keep. */
export interface Judge {
  /** @param text JSON or YAML; goes out as it is. @param collection `/apis/demo.aiops.org/v1/namespaces/default/spotpools` */
  ask(collection: string, text: string): Promise<Answer>;
  close(): void;
}

export function createJudge(plane: Pick<ControlPlane, 'url' | 'ca' | 'adminToken'>): Judge {
  const agent = new Agent({ keepAlive: true, maxSockets: 8, ca: plane.ca });
  return {
    ask(collection, text) {
      const url = new URL(`${collection}?dryRun=All&fieldValidation=Strict`, plane.url);
      const headers = {
        accept: 'application/json',
        authorization: `Bearer ${plane.adminToken}`,
        'content-type': text.startsWith('{') ? 'application/json' : 'application/yaml',
        'content-length': Buffer.byteLength(text),
      };
      return new Promise((resolve, reject) => {
        const call = request(url, { method: 'POST', agent, headers, timeout: 30_000 }, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const answer = Buffer.concat(chunks).toString();
            resolve({ status: response.statusCode ?? 0, body: answer.startsWith('{') ? JSON.parse(answer) : answer });
          });
        });
        call.on('error', reject);
        call.end(text);
      });
    },
    close: () => agent.destroy(),
  };
}
