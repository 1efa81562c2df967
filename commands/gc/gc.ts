import { InputError } from "../../delivery/basics/input-error.ts";
import { RegistryClient } from "../../delivery/registry/client.ts";
import { type Settings, readSettings } from "../../delivery/settings/settings.ts";
import { readStackConfiguration } from "../../delivery/settings/stack-configuration.ts";
import { clean } from "./clean.ts";
import { GithubPackages, githubHost } from "./github-packages.ts";
import { OciStore } from "./oci-store.ts";
import type { Registry } from "./registry.ts";
import { makeReport, nameOf, renderReport } from "./report.ts";
import type { Store } from "./store.ts";
import { makeSurvey } from "./survey.ts";
import { type Usage, readUsage } from "./usage.ts";

/** How {@link gc} runs. */
export interface GcOptions {
  /** Stack whose registry is cleaned. */
  readonly stack: string;
  /** Whether it deletes; otherwise it only says what it would delete. */
  readonly delete: boolean;
  /** Number of releases of each kind that are kept. @default keepReleases of the stack */
  readonly keep?: number | undefined;
  /** Whether it prints JSON. */
  readonly json: boolean;
  /** How the registry frees the space, as a clause. @default what holds for any registry */
  readonly afterwards?: string | undefined;
}

const collectElsewhere =
  "the space is free once the registry has collected what nothing refers to (garbage-collect of distribution, without --delete-untagged)";

/**
 * Says what the registry of a stack holds that nothing uses, and deletes it when told to. Returns the exit code.
 *
 * @throws InputError when it cannot be known what is in use, and when the registry changed meanwhile.
 */
export async function gc(options: GcOptions): Promise<number> {
  const settings = readSettings(readStackConfiguration(options.stack));
  if (settings.offline) {
    throw new InputError(
      "what is in use is not known without registry and cluster; unset TINYOLLY_OFFLINE",
    );
  }
  const { endpoints } = settings.publishing;
  const { namespace } = endpoints;
  const registry = new RegistryClient({ host: endpoints.push, tls: endpoints.pushTls });
  try {
    const store = openStore(settings, registry, options.afterwards);
    const keep = options.keep ?? settings.keepReleases;
    const read = (): Promise<Usage> =>
      orNothing(readUsage({ stack: options.stack, settings, registry, keep }));
    const { roots, repositories, sources } = await read();
    const survey = await orNothing(makeSurvey({ store, registry, namespace, repositories, roots }));

    const all = survey.garbage.deletions.length;
    let done = 0;
    const cleaning = options.delete
      ? await clean({
          store,
          survey,
          roots,
          readRoots: async () => (await read()).roots,
          onDeleted: (deletion) => {
            done++;
            const name = `${deletion.repository} ${nameOf(deletion)}`;
            process.stderr.write(`deleted ${name} (${done} of ${all})\n`);
          },
        })
      : undefined;
    const report = makeReport(`${endpoints.push}/${namespace}`, sources, survey, cleaning);
    process.stdout.write(
      options.json
        ? `${JSON.stringify(report, undefined, 2)}\n`
        : renderReport(report, store.afterwards),
    );
    return 0;
  } finally {
    registry.close();
  }
}

function openStore(
  { publishing: { endpoints } }: Settings,
  registry: Registry,
  afterwards = collectElsewhere,
): Store {
  if (endpoints.push === githubHost) return new GithubPackages(registry);
  return new OciStore(registry, afterwards);
}

/** Adds to an error that nothing happened. */
async function orNothing<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(
      `${error.message}\nNothing was deleted, since what is in use has to be known first`,
    );
  }
}
