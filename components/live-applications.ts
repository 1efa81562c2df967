import { execFile } from "node:child_process";
import { isDeepStrictEqual } from "node:util";
import { InputError } from "./input-error";

/** Cluster in which Argo CD runs. */
export interface Cluster {
  /** Path of a kubeconfig; left out means KUBECONFIG or ~/.kube/config. */
  readonly kubeconfig?: string;
  readonly context: string;
  /** Keeps resources when only the kubeconfig changes. */
  readonly clusterIdentifier: string;
}

const requestTimeout = "10s";
/** Ways to log in have no limit of their own. */
const patienceMs = 30_000;

/**
 * Reads the `spec` of every Argo CD Application of a namespace, by name, with kubectl, which knows every way to log in.
 *
 * @throws InputError when kubectl is missing or the cluster does not answer.
 */
export async function readLiveApplications(
  { kubeconfig, context }: Cluster,
  namespace: string,
): Promise<Map<string, unknown>> {
  const args = [
    "get",
    "applications.argoproj.io",
    `--namespace=${namespace}`,
    `--context=${context}`,
    `--request-timeout=${requestTimeout}`,
    "--output=json",
    ...(kubeconfig === undefined ? [] : [`--kubeconfig=${kubeconfig}`]),
  ];
  // The shape of a Kubernetes list.
  const { items } = JSON.parse(await kubectl(args)) as {
    items: readonly { metadata: { name: string }; spec: unknown }[];
  };
  return new Map(items.map(({ metadata, spec }) => [metadata.name, spec]));
}

/** Paths below `spec` at which a live Application does not hold what was planned. */
export function editedPaths(planned: unknown, live: unknown, path = "spec"): string[] {
  if (isMap(planned) && isMap(live)) {
    return Object.keys(planned)
      .sort()
      .flatMap((key) => editedPaths(planned[key], live[key], `${path}.${key}`));
  }
  return isDeepStrictEqual(planned, live) ? [] : [path];
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function kubectl(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: 1 << 28, timeout: patienceMs };
    const child = execFile("kubectl", args, options, (error, stdout, stderr) => {
      if (!error) resolve(stdout);
      else if (error.code === "ENOENT") {
        reject(
          new InputError(
            `kubectl is not on PATH, so the Applications cannot be compared with what was applied; install it, ` +
              `run eval "$(make -s env)" to use the platform's, or set TINYOLLY_OFFLINE=1 to go without`,
          ),
        );
      } else {
        reject(
          new InputError(
            `the Applications in the cluster cannot be read: ${lastLine(stderr) || error.message}; start the cluster ` +
              `(make platform-up starts the platform's), or set TINYOLLY_OFFLINE=1 to go without`,
          ),
        );
      }
    });
    // A kubeconfig without credentials makes kubectl ask for a name.
    child.stdin?.end();
  });
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
