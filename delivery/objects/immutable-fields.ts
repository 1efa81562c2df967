import { isDeepStrictEqual } from "node:util";
import { fields, isMap } from "../basics/json-fields.ts";
import { isSameTemplate } from "./pod-template.ts";
import { quantity } from "./quantity.ts";
import { type Manifest, syncOptions } from "./rendered-object.ts";

/** What an update of an object may not do. */
export interface Refusal {
  /** Paths of the fields, such as `spec.selector`. */
  readonly paths: readonly string[];
  /** What to do about it. */
  readonly cure: string;
}

type Same = (before: unknown, after: unknown) => boolean;

/** Fields by path, with what tells whether they stay. */
type Fixed = Readonly<Record<string, Same>>;

const same: Same = (before, after) => isDeepStrictEqual(before ?? undefined, after ?? undefined);
const sameOr =
  (byDefault: unknown): Same =>
  (before, after) =>
    same(before ?? byDefault, after ?? byDefault);
const onceSet: Same = (before, after) => isNothing(before) || same(before, after);

/** What an update may not change, by kind with group (pkg/apis/…/validation of Kubernetes 1.36). */
const fixedFields: Readonly<Record<string, Fixed>> = {
  "apps/Deployment": { "spec.selector": same },
  "apps/ReplicaSet": { "spec.selector": same },
  "apps/DaemonSet": { "spec.selector": same },
  "apps/StatefulSet": {
    "spec.selector": same,
    "spec.serviceName": sameOr(""),
    "spec.podManagementPolicy": sameOr("OrderedReady"),
    "spec.volumeClaimTemplates": (before, after) => same(claims(before), claims(after)),
  },
  "batch/Job": {
    "spec.template": isSameTemplate,
    "spec.selector": same,
    "spec.completionMode": sameOr("NonIndexed"),
    "spec.podFailurePolicy": same,
    "spec.successPolicy": same,
    "spec.backoffLimitPerIndex": same,
    "spec.managedBy": same,
  },
  "/Service": {
    // One that a chart does not name any more is filled in from the old object.
    "spec.clusterIP": (before, after) => isNothing(after) || same(before, after),
    "spec.loadBalancerClass": onceSet,
    "spec.healthCheckNodePort": onceSet,
  },
  "/Secret": { type: sameOr("Opaque") },
  "/PersistentVolumeClaim": {
    "spec.accessModes": same,
    "spec.selector": same,
    "spec.storageClassName": same,
    "spec.volumeName": onceSet,
    "spec.volumeMode": sameOr("Filesystem"),
    "spec.dataSource": same,
    "spec.dataSourceRef": same,
    "spec.resources.requests.storage": (before, after) =>
      Number(quantity(after)) >= Number(quantity(before)),
  },
  "/PersistentVolume": { "spec.volumeMode": sameOr("Filesystem"), "spec.nodeAffinity": onceSet },
  "/Pod": { "spec.volumes": same, "spec.nodeName": onceSet, "spec.serviceAccountName": same },
  "/ResourceQuota": { "spec.scopes": same },
  "storage.k8s.io/StorageClass": {
    provisioner: same,
    parameters: same,
    reclaimPolicy: sameOr("Delete"),
    volumeBindingMode: sameOr("Immediate"),
  },
  "storage.k8s.io/CSIDriver": {
    "spec.attachRequired": sameOr(true),
    "spec.volumeLifecycleModes": sameOr(["Persistent"]),
  },
  "scheduling.k8s.io/PriorityClass": {
    value: same,
    preemptionPolicy: sameOr("PreemptLowerPriority"),
  },
  "node.k8s.io/RuntimeClass": { handler: same },
  "networking.k8s.io/IngressClass": { "spec.controller": same },
  "apiextensions.k8s.io/CustomResourceDefinition": {
    "spec.group": same,
    "spec.names.plural": same,
    "spec.names.kind": same,
    "spec.scope": same,
  },
};

/** Kinds that Argo CD deletes and creates again, as `kubectl auth reconcile` does, where this field changes. */
const recreatedBy: Readonly<Record<string, string>> = {
  "rbac.authorization.k8s.io/RoleBinding": "roleRef",
  "rbac.authorization.k8s.io/ClusterRoleBinding": "roleRef",
};

/** An annotation of the object holds all of it, and annotations end here. */
const mostBytes = 256 * 1024;

/** Why the API server refuses that an object becomes another one; undefined where it takes it. */
export function refusedUpdate(
  kind: string,
  before: Manifest,
  after: Manifest,
): Refusal | undefined {
  const paths = fixedPaths(kind, before, after);
  if (paths.length === 0 || isForced(after)) return refusedObject(after);
  return { paths, cure: cures[kind] ?? otherCure };
}

/** Why the API server refuses an object as it is. */
export function refusedObject(manifest: Manifest): Refusal | undefined {
  if (Buffer.byteLength(JSON.stringify(manifest)) <= mostBytes) return undefined;
  return {
    paths: ["metadata.annotations"],
    cure: "Argo CD notes the whole object in an annotation, which ends at 256 KiB; split it, or have it applied with ServerSideApply=true",
  };
}

/** Whether an object is deleted and made anew, where another one could not be updated. */
export function isRecreated(kind: string, before: Manifest, after: Manifest): boolean {
  const field = recreatedBy[kind];
  if (field !== undefined && !same(before[field], after[field])) return true;
  return isForced(after) && fixedPaths(kind, before, after).length > 0;
}

function fixedPaths(kind: string, before: Manifest, after: Manifest): string[] {
  const fixed: Fixed = { ...fixedFields[kind], ...lockedData(before) };
  return Object.entries(fixed).flatMap(([path, isSame]) => {
    const steps = path.split(".");
    return isSame(at(before, steps), at(after, steps)) ? [] : [path];
  });
}

/** ConfigMaps and Secrets can be locked. */
function lockedData({ immutable }: Manifest): Fixed {
  return immutable === true
    ? { data: same, binaryData: same, stringData: same, immutable: same }
    : {};
}

function isForced(manifest: Manifest): boolean {
  return syncOptions(manifest).includes("Force=true");
}

const otherCure =
  "take the change back, give the object another name, or annotate it with argocd.argoproj.io/sync-options: Force=true, " +
  "by which Argo CD deletes it and makes it anew";

const cures: Readonly<Record<string, string>> = {
  "apps/StatefulSet":
    "take the change back, or delete it and keep its pods: kubectl delete statefulset --cascade=orphan",
  "batch/Job":
    "give the Job a name that follows from its content, or annotate it with argocd.argoproj.io/sync-options: Force=true, " +
    "by which Argo CD deletes it and makes it anew",
};

/** Claims of a StatefulSet as the API server stores them. */
function claims(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((claim: unknown) => {
    const { metadata, spec } = fields(claim);
    const { resources, ...rest } = fields(spec);
    const { requests } = fields(resources);
    const asked = Object.entries(fields(requests)).map(([name, one]) => [name, quantity(one)]);
    return {
      metadata,
      spec: {
        volumeMode: "Filesystem",
        ...rest,
        resources: { ...fields(resources), requests: Object.fromEntries(asked) as object },
      },
    };
  });
}

function at(value: unknown, [first, ...rest]: readonly string[]): unknown {
  if (first === undefined) return value;
  return isMap(value) ? at(value[first], rest) : undefined;
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null || value === "" || value === 0;
}
