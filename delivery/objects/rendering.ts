import { mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { sha256 } from "../basics/sha256.ts";
import type { Capabilities } from "./capabilities.ts";
import { helm } from "./helm.ts";
import { keep, readKept } from "../basics/kept-file.ts";
import { type RenderedObject, readObjects } from "./rendered-object.ts";

/** A chart and what decides how it is rendered. */
export interface RenderArgs {
  /** All that decides the chart's files, by which a rendering is found again. */
  readonly identity: unknown;
  /** Puts the chart into an empty folder; returns the path of its own folder or archive. */
  readonly unpack: (folder: string) => string | Promise<string>;
  /** Name of the Application. */
  readonly release: string;
  /** Namespace into which it is deployed. */
  readonly namespace: string;
  readonly values: unknown;
  /** What the cluster tells of itself. @default - helm's own guess */
  readonly capabilities?: Capabilities | undefined;
}

const folder = ".tinyolly/renderings";
/** Raised when renderings are kept in another form. */
const form = 1;

/** As long as Argo CD lets a rendering take. */
export const renderSeconds = 90;

/**
 * Renders a chart as Argo CD's repo server does, or takes what was rendered of the same before.
 *
 * @throws HelmError with the template's line or the value's path where it fails.
 */
export async function renderChart(
  args: RenderArgs,
  seconds = renderSeconds,
): Promise<readonly RenderedObject[]> {
  const { identity, release, namespace, values, capabilities } = args;
  const decided = [form, helmIdentity(), identity, release, namespace, values, capabilities];
  const file = join(folder, `${sha256(JSON.stringify(decided))}.json`);
  // Only this function writes there.
  const kept = readKept(file) as readonly RenderedObject[] | undefined;
  if (kept) return kept;
  const objects = readObjects(await template(args, seconds));
  keep(file, objects);
  return objects;
}

async function template(args: RenderArgs, seconds: number): Promise<string> {
  const { unpack, release, namespace, values, capabilities } = args;
  const work = mkdtempSync(join(tmpdir(), "tinyolly-rendering-"));
  try {
    const valuesFile = join(work, "values.json");
    writeFileSync(valuesFile, JSON.stringify(values ?? {}));
    const { stdout } = await helm(
      [
        ...["template", await unpack(work), "--name-template", release, "--namespace", namespace],
        ...["--values", valuesFile, "--include-crds"],
        ...(capabilities ? ["--kube-version", capabilities.kubeVersion] : []),
        ...(capabilities?.apiVersions.flatMap((version) => ["--api-versions", version]) ?? []),
      ],
      { folder: work, seconds },
    );
    return stdout;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The helm on PATH: another one may render otherwise, and asking it for its version takes as long as rendering. */
function helmIdentity(): readonly unknown[] {
  for (const place of (process.env["PATH"] ?? "").split(delimiter)) {
    const file = join(place, "helm");
    const found = statSync(file, { throwIfNoEntry: false });
    if (found?.isFile() === true) return [realpathSync(file), found.size, found.mtimeMs];
  }
  return [];
}
