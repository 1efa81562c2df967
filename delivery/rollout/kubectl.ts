import { execFile } from "node:child_process";

/** How kubectl finds a cluster: names and paths only, never credentials. */
export interface ClusterAccess {
  /** Path of a kubeconfig; left out means KUBECONFIG or ~/.kube/config. */
  readonly kubeconfig?: string | undefined;
  /** Context of it; left out means the current one. */
  readonly context?: string | undefined;
}

/** A run of kubectl that ended badly. */
export class KubectlError extends Error {
  public override readonly name = "KubectlError";
  /** Whether kubectl is not on PATH. */
  public readonly missing: boolean;

  public constructor(
    message: string,
    /** Whether kubectl is not on PATH. */
    missing: boolean,
  ) {
    super(message);
    this.missing = missing;
  }
}

/** Ways to log in have no limit of their own. */
const patienceMs = 30_000;

/** What to do where there is no kubectl. */
export const installKubectl = `install it, run eval "$(make -s env)" to use the platform's`;

/** Time that one request may take, and where it goes. */
export function accessFlags(
  { kubeconfig, context }: ClusterAccess,
  requestTimeout = "10s",
): string[] {
  return [
    ...(context === undefined ? [] : [`--context=${context}`]),
    `--request-timeout=${requestTimeout}`,
    ...(kubeconfig === undefined ? [] : [`--kubeconfig=${kubeconfig}`]),
  ];
}

/**
 * Resolves to what kubectl prints; it knows every way to log in.
 *
 * @throws KubectlError with the last line of what it says.
 */
export function kubectl(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: 1 << 28, timeout: patienceMs };
    const child = execFile("kubectl", args, options, (error, stdout, stderr) => {
      if (!error) resolve(stdout);
      else if (error.code === "ENOENT") reject(notOnPath());
      else reject(new KubectlError(lastLine(stderr) || error.message, false));
    });
    // A kubeconfig without credentials makes kubectl ask for a name.
    child.stdin?.end();
  });
}

/** That kubectl cannot be started. */
export function notOnPath(): KubectlError {
  return new KubectlError("kubectl is not on PATH", true);
}

/** Where programs say why they ended. */
export function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
