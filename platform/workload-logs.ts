import { execFileSync, spawn } from "node:child_process";
import { deliverables } from "../deliverables.ts";
import { readOptions } from "../delivery/basics/command-line.ts";
import { fields, parseJson } from "../delivery/basics/json-fields.ts";
import { didYouMean } from "../delivery/basics/nearest.ts";
import { kubeconfigFile } from "./cluster/access.ts";
import { listOf } from "./pulumi/local-state.ts";
import { PlatformError, type PlatformSettings } from "./settings.ts";

/** Something that runs pods. */
interface Workload {
  /** As kubectl takes it, such as `deployment/tinyolly-webui`. */
  readonly reference: string;
  readonly namespace: string;
  readonly name: string;
}

const shownLines = 100;

/**
 * Shows the newest lines that the pods of a workload wrote, and follows them where that is wanted.
 *
 * @param options `--app`, the name of the workload or its end (`webui` is `tinyolly-webui`), and `--follow`.
 * @returns the exit code of kubectl.
 * @throws PlatformError where there is none of that name, or there are several.
 */
export function showLogs(settings: PlatformSettings, options: readonly string[]): Promise<number> {
  const { app, follow = false } = readOptions(
    { app: { type: "string", default: "" }, follow: { type: "boolean" } },
    [...options],
  );
  const { reference, namespace } = chooseWorkload(workloads(settings), app);
  const args = [
    ...["logs", `--kubeconfig=${kubeconfigFile(settings)}`, `--namespace=${namespace}`, reference],
    ...["--all-pods", "--all-containers", "--prefix", `--tail=${shownLines}`],
    ...(follow ? ["--follow"] : []),
  ];
  const child = spawn("kubectl", args, { stdio: "inherit" });
  return new Promise((resolve, reject) => {
    child.once("error", (error) => {
      reject(
        new PlatformError(`kubectl cannot be run: ${error.message}; make platform-up brings it`),
      );
    });
    child.once("close", (status) => {
      resolve(status ?? 1);
    });
  });
}

/** The workload of a name. */
export function chooseWorkload<Named extends Pick<Workload, "name">>(
  all: readonly Named[],
  app: string,
): Named {
  const fitting = all.filter(({ name }) => name === app || name.endsWith(`-${app}`));
  const exact = fitting.find(({ name }) => name === app);
  const [first, second] = fitting;
  const only = exact ?? (second ? undefined : first);
  if (only) return only;
  const names = (fitting.length > 1 ? fitting : all).map(({ name }) => name);
  const what = app === "" ? "APP is missing" : `APP is "${app}"${didYouMean(app, names)}`;
  throw new PlatformError(
    names.length === 0
      ? "nothing is deployed; make up deploys it"
      : `${what}; name one of ${names.join(", ")}`,
  );
}

function workloads(settings: PlatformSettings): Workload[] {
  const namespaces = new Set(Object.values(deliverables.charts).map(({ namespace }) => namespace));
  return [...namespaces].flatMap((namespace) => {
    const types = "deployments,statefulsets,daemonsets,jobs";
    const args = ["get", types, `--namespace=${namespace}`, "--output=json"];
    let printed: Buffer;
    try {
      printed = execFileSync("kubectl", [`--kubeconfig=${kubeconfigFile(settings)}`, ...args], {
        stdio: ["ignore", "pipe", "ignore"],
      });
    } catch {
      throw new PlatformError("the cluster does not answer; start it with make up");
    }
    return listOf(fields(parseJson(printed))["items"]).map((item) => {
      const { kind, metadata } = fields(item);
      const name = String(fields(metadata)["name"]);
      return { reference: `${String(kind).toLowerCase()}/${name}`, namespace, name };
    });
  });
}
