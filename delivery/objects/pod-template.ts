import { isDeepStrictEqual } from "node:util";
import { fields, isMap } from "../basics/json-fields.ts";
import { quantity } from "./quantity.ts";
import type { Manifest } from "./rendered-object.ts";

/** Workloads whose controllers replace pods once their template is another one. */
const workloads = new Set(["Deployment", "StatefulSet", "DaemonSet"]);

/**
 * Whether the change of a workload restarts its pods: its template is another one after the API server's defaults, and its strategy
 * replaces pods that run.
 */
export function restartsPods(kind: string, before: Manifest, after: Manifest): boolean {
  if (!workloads.has(kind)) return false;
  const [old, now] = [fields(before["spec"]), fields(after["spec"])];
  return !isSameTemplate(old["template"], now["template"]) && replacesPods(kind, now);
}

/** Whether two pod templates are one to the API server. */
export function isSameTemplate(before: unknown, after: unknown): boolean {
  return isDeepStrictEqual(defaultedTemplate(before), defaultedTemplate(after));
}

function replacesPods(kind: string, spec: Manifest): boolean {
  const { replicas = 1, paused, updateStrategy } = spec;
  const { type, rollingUpdate } = fields(updateStrategy);
  const { partition = 0 } = fields(rollingUpdate);
  if (type === "OnDelete" || paused === true) return false;
  return (
    kind === "DaemonSet" || Number(replicas) > (kind === "StatefulSet" ? Number(partition) : 0)
  );
}

/** A pod template as the API server stores it, as far as its defaults go (pkg/apis/core/v1/defaults.go of Kubernetes 1.36). */
function defaultedTemplate(template: unknown): unknown {
  const { metadata, spec } = fields(template);
  const pod = fields(spec);
  const account = pod["serviceAccountName"] ?? pod["serviceAccount"];
  return compact({
    metadata,
    spec: {
      restartPolicy: "Always",
      dnsPolicy: "ClusterFirst",
      schedulerName: "default-scheduler",
      terminationGracePeriodSeconds: 30,
      securityContext: {},
      ...pod,
      ...{ serviceAccountName: account, serviceAccount: account },
      containers: each(pod["containers"], container),
      initContainers: each(pod["initContainers"], container),
      volumes: each(pod["volumes"], volume),
    },
  });
}

function container(one: Manifest): Manifest {
  return {
    terminationMessagePath: "/dev/termination-log",
    terminationMessagePolicy: "File",
    imagePullPolicy: pullPolicy(one["image"]),
    ...one,
    resources: resources(one["resources"]),
    ports: each(one["ports"], (port) => ({ protocol: "TCP", ...port })),
    env: each(one["env"], variable),
    ...Object.fromEntries(
      ["livenessProbe", "readinessProbe", "startupProbe"].map((name) => [name, probe(one[name])]),
    ),
    lifecycle: isMap(one["lifecycle"])
      ? Object.fromEntries(
          Object.entries(one["lifecycle"]).map(([event, handler]) => [event, request(handler)]),
        )
      : undefined,
  };
}

/** A tag that says nothing, or `latest`, is asked for at every start. */
function pullPolicy(image: unknown): string {
  const name = String(image).split("/").at(-1) ?? "";
  const [, tag = "latest"] = /:([^@]*)/.exec(name.replace(/@.*/, "")) ?? [];
  return name.includes("@") || tag !== "latest" ? "IfNotPresent" : "Always";
}

/** What is limited and does not say what it asks for asks for its limit. */
function resources(value: unknown): unknown {
  if (!isMap(value)) return undefined;
  const { limits, requests } = value;
  return {
    ...value,
    limits: quantities(limits),
    requests: quantities({ ...fields(limits), ...fields(requests) }),
  };
}

function quantities(value: unknown): unknown {
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, quantity(one)]));
}

function variable(one: Manifest): Manifest {
  const from = fields(one["valueFrom"]);
  if (!isMap(from["fieldRef"])) return one;
  return { ...one, valueFrom: { ...from, fieldRef: { apiVersion: "v1", ...from["fieldRef"] } } };
}

function probe(value: unknown): unknown {
  if (!isMap(value)) return undefined;
  const times = { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 };
  return { ...times, ...fields(request(value)) };
}

function request(handler: unknown): unknown {
  const { httpGet, grpc } = fields(handler);
  return {
    ...fields(handler),
    ...(isMap(httpGet) ? { httpGet: { path: "/", scheme: "HTTP", ...httpGet } } : {}),
    ...(isMap(grpc) ? { grpc: { service: "", ...grpc } } : {}),
  };
}

const readableByAll = 0o644;

function volume(one: Manifest): Manifest {
  const mode = { defaultMode: readableByAll };
  const withMode = ["secret", "configMap", "downwardAPI", "projected"].flatMap((source) =>
    isMap(one[source]) ? [[source, { ...mode, ...one[source] }] as const] : [],
  );
  const { emptyDir, hostPath, projected } = one;
  return {
    ...one,
    ...Object.fromEntries(withMode),
    ...(isMap(emptyDir) ? { emptyDir: { ...emptyDir, sizeLimit: size(emptyDir) } } : {}),
    ...(isMap(hostPath) ? { hostPath: { type: "", ...hostPath } } : {}),
    ...(isMap(projected)
      ? { projected: { ...mode, ...projected, sources: each(projected["sources"], source) } }
      : {}),
  };
}

function size({ sizeLimit }: Manifest): unknown {
  return sizeLimit === undefined ? undefined : quantity(sizeLimit);
}

function source(one: Manifest): Manifest {
  const { serviceAccountToken } = one;
  if (!isMap(serviceAccountToken)) return one;
  return { ...one, serviceAccountToken: { expirationSeconds: 3600, ...serviceAccountToken } };
}

function each(list: unknown, change: (one: Manifest) => Manifest): unknown {
  return Array.isArray(list)
    ? list.map((one: unknown) => (isMap(one) ? change(one) : one))
    : undefined;
}

/** Maps whose keys are the user's: their values all count, and without keys they are nothing. */
const userMaps = new Set([
  ...["labels", "annotations", "matchLabels", "nodeSelector", "limits", "requests", "overhead"],
]);
/** Structures that are no pointers in Go, so that empty ones are nothing. */
const valueStructures = new Set(["resources", "metadata"]);

/** Leaves out what Go's zero values are: nulls, empty lists and texts, false and 0, where they are no pointers. */
function compact(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(compact);
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) => {
      if (one === null || one === undefined || (Array.isArray(one) && one.length === 0)) return [];
      if (isZero(key, one)) return [];
      const isUsers = userMaps.has(key) && isMap(one);
      const inner = isUsers ? one : compact(one);
      const isEmpty = isMap(inner) && Object.keys(inner).length === 0;
      return isEmpty && (isUsers || valueStructures.has(key)) ? [] : [[key, inner]];
    }),
  );
}

const falseByItself = new Set([
  ...["hostNetwork", "hostPID", "hostIPC", "stdin", "stdinOnce", "tty", "readOnly"],
]);
const zeroByItself = new Set(["initialDelaySeconds", "hostPort"]);

function isZero(key: string, value: unknown): boolean {
  if (value === "") return key !== "service" && key !== "type";
  return (value === false && falseByItself.has(key)) || (value === 0 && zeroByItself.has(key));
}
