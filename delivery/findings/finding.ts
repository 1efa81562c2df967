import type { Drift } from "../basics/drift.ts";
import type { Fingerprints } from "../plan/fingerprints.ts";
import type { Cause } from "../plan/reasons.ts";
import type { Found } from "../plan/saved-plan.ts";

/** Everything that state and registry together say about an image or a chart that is planned. */
export interface Finding {
  /** `sha256:…` of the same content in the registry, which is taken as it is: nothing is made. @default - it is made */
  readonly existing?: string | undefined;
  /** Release that a chart was made for, where a later one takes it as it is. @default - the one that is made */
  readonly since?: string | undefined;
  /** How often it was and will be pushed again; part of the inputs, so that one more is a change. */
  readonly pushes: number;
  /** `sha256:…` that the state has and the registry lost, which the same sources give again. @default - nothing is lost */
  readonly lost?: string | undefined;
  /** Whether it is there, so that nothing is pushed for it. */
  readonly stays: boolean;
  /** Whether the release has it under its version already. */
  readonly released: boolean;
  /** Why it cannot be published as planned, with what to do. @default - it can */
  readonly conflict?: string | undefined;
  /** What may still end its publication, which nobody knows before, with what to do then. @default - nothing */
  readonly warning?: string | undefined;
  /** How it is not as the state has it. @default - it is, or the plan changes it */
  readonly drift?: Drift | undefined;
}

/** What state and cluster together say about an Application. */
export interface ApplicationFinding {
  /** How often it was and will be put right; part of the inputs, so that one more is a change. */
  readonly repairs: number;
  /** Why it cannot be applied as planned, with what to do. @default - it can */
  readonly conflict?: string | undefined;
  /** How it is not as it was applied. @default - it is, or the plan changes it */
  readonly drift?: Drift | undefined;
}

/** What state and registry together say about the release that is made. */
export interface ReleaseFinding {
  /** How often it was and will be put right; part of the inputs, so that one more is a change. */
  readonly pushes: number;
  /** Whether its record is there; undefined where no release is made, or nobody asked. */
  readonly recorded?: boolean | undefined;
  /** What is missing of the release that this stack made. @default - nothing is */
  readonly missing?: string | undefined;
}

/** All findings of a stack, by name. */
export interface Findings {
  readonly images: ReadonlyMap<string, Finding>;
  readonly charts: ReadonlyMap<string, Finding>;
  readonly applications: ReadonlyMap<string, ApplicationFinding>;
  readonly release: ReleaseFinding;
}

/** Kind of a thing that can drift. */
type Kind = "image" | "chart" | "application";

/** Name of the cause of a drift, which says of what kind the missing thing is. */
export function causeOf(kind: Kind, { cause }: Drift): Cause {
  return cause === "missing" ? `missing-${kind}` : cause;
}

/** What is done to each planned thing because of what registry and cluster hold, for a plan to save. */
export function foundToSave(
  { images, charts, applications, release }: Findings,
  planned: Fingerprints,
): Found {
  const found: [string, object][] = [
    ...artifactsToSave("image", images),
    ...artifactsToSave("chart", charts),
    ...Object.keys(planned.applications).map((name): [string, object] => {
      const { repairs = 0 } = applications.get(name) ?? {};
      return [`application ${name}`, repairs === 0 ? {} : { repairs }];
    }),
    ["release", planned.release && release.pushes > 0 ? { pushes: release.pushes } : {}],
  ];
  return Object.fromEntries(found.filter(([, one]) => Object.keys(one).length > 0));
}

function artifactsToSave(kind: Kind, found: ReadonlyMap<string, Finding>): [string, object][] {
  return [...found].map(([name, { existing, since, pushes }]) => [
    `${kind} ${name}`,
    {
      ...(existing === undefined ? {} : { existing }),
      ...(since === undefined ? {} : { since }),
      ...(pushes === 0 ? {} : { pushes }),
    },
  ]);
}

/** Why what is planned cannot be published or applied, with what to do; nothing where it can. */
export function conflicts({
  images,
  charts,
  applications = new Map(),
}: Pick<Findings, "images" | "charts"> & Partial<Pick<Findings, "applications">>): string[] {
  return [...images.values(), ...charts.values(), ...applications.values()].flatMap(
    ({ conflict }) => conflict ?? [],
  );
}

/** What may still end a publication, with what to do then; nothing where all is known. */
export function warnings({ images, charts }: Findings): string[] {
  return [...images.values(), ...charts.values()].flatMap(({ warning }) => warning ?? []);
}

/** One sentence for each thing that is not as the state says. */
export function driftMessages({ images, charts, applications, release }: Findings): string[] {
  const messages = (
    kind: Kind,
    found: ReadonlyMap<string, { readonly drift?: Drift | undefined }>,
    cure: string,
  ): string[] =>
    [...found.values()].flatMap(({ drift }) =>
      drift ? [`${causeOf(kind, drift)}: ${drift.detail}; ${cure}`] : [],
    );
  return [
    ...messages("image", images, "up pushes it again"),
    ...messages("chart", charts, "up pushes it again"),
    ...messages("application", applications, "up applies it again"),
    ...(release.missing === undefined
      ? []
      : [`missing-release: ${release.missing} is not in the registry; up puts it back`]),
  ];
}
