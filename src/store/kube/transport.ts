/** What the API server is asked. Paths and field names are those of the Kubernetes API. */
export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Absolute, already escaped: `/apis/demo.aiops.org/v1/namespaces/default/spotpools/a`. */
  readonly path: string;
  /** Members that are `undefined` are left out. */
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** Sent as JSON, whatever the content type. */
  readonly body?: unknown;
  /** Default: `application/json`. */
  readonly contentType?: 'application/json' | 'application/merge-patch+json' | 'application/json-patch+json';
  /** Default: `application/json`. */
  readonly accept?: string;
  /**
   * Given, the whole call ends by then: waits, credentials and retries included. Without it, each attempt may take 30,000 and
   * the server's `Retry-After` is followed up to ten times.
   */
  readonly timeoutMs?: number;
}

/** A watch, or any other answer that goes on. */
export interface KubeStream {
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly accept?: string;
  /** The stream is cut with a `KubeError` of reason `Timeout` when it lives longer. */
  readonly deadlineMs: number;
  /** Called once, as soon as the server has answered 200 and before the first line: from then on silence is no fault. */
  readonly onOpen?: () => void;
}

/** The way to one API server. An informer and every write of the store go through it. */
export interface KubeTransport {
  /** The origin, for messages: `https://10.0.0.1:6443`. */
  readonly server: string;
  /** One call and its JSON answer. @throws {KubeError}; the reason of `signal` when that is aborted */
  request<T>(request: KubeRequest, signal?: AbortSignal): Promise<T>;
  /**
   * Hands over each line of an answer that goes on, synchronously and in order. Resolves when the server ends it in the
   * middle of no line. What `onLine` throws ends the stream and is thrown here.
   * @throws {KubeError}; the reason of `signal` when that is aborted
   */
  stream(stream: KubeStream, onLine: (line: string) => void, signal: AbortSignal): Promise<void>;
  /** Closes idle connections and cuts running ones. */
  close(): void;
}
