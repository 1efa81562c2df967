/**
 * Builds images again on an empty cache and compares them with those that were published:
 * `node commands/build/cli.ts [--stack local] [--image demo] [--release v2.1.8] [--json] [--platform]`.
 *
 * Exits with 0 when all are equal, with 1 when one is not, or when it cannot be told.
 */
import { deliverables } from "../../deliverables.ts";
import { readOptions, runMain } from "../../delivery/basics/command-line.ts";
import { InputError } from "../../delivery/basics/input-error.ts";
import { planDeliverables } from "../../delivery/plan/plan.ts";
import { RegistryClient } from "../../delivery/registry/client.ts";
import { requireRelease } from "../../delivery/releases/store.ts";
import { readSettings } from "../../delivery/settings/settings.ts";
import { readStackConfiguration } from "../../delivery/settings/stack-configuration.ts";
import { buildkitAddress } from "../../platform/cluster/services.ts";
import { enterStack } from "../../platform/environment.ts";
import { localStack, readPlatformSettings } from "../../platform/settings.ts";
import { type Reproduction, reproduce } from "./reproduce.ts";

const declared = {
  stack: { type: "string", default: localStack },
  image: { type: "string", default: "" },
  release: { type: "string", default: "" },
  json: { type: "boolean", default: false },
  platform: { type: "boolean", default: false },
} as const;

async function main(): Promise<number> {
  const { stack, image: asked, release, json, platform } = readOptions(declared);
  // The builder is that of the platform, whatever registry is compared with.
  if (platform) enterStack(localStack);
  if (platform) enterStack(stack);
  const settings = readSettings(readStackConfiguration(stack));
  const { endpoints } = settings.publishing;
  const { images } = planDeliverables(deliverables, settings.plan);
  const chosen = asked === "" ? images : images.filter(({ name }) => name === asked);
  if (chosen.length === 0) {
    const names = images.map(({ name }) => name).join(", ");
    throw new InputError(`IMAGE is "${asked}", but must be one of ${names}, or empty for all`);
  }
  const client = new RegistryClient({ host: endpoints.push, tls: endpoints.pushTls });
  try {
    const record =
      release === ""
        ? undefined
        : (await requireRelease(client, endpoints.namespace, release)).record;
    const address = buildkitAddress(readPlatformSettings());
    const done: Reproduction[] = [];
    for (const image of chosen) {
      const one = await reproduce(image, { client, endpoints, address, images, record });
      if (!json) process.stdout.write(`${sentence(one)}\n`);
      done.push(one);
    }
    if (json) process.stdout.write(`${JSON.stringify(done, undefined, 2)}\n`);
    return done.every(({ difference }) => difference === undefined) ? 0 : 1;
  } finally {
    client.close();
  }
}

function sentence({ name, published, built, seconds, difference }: Reproduction): string {
  if (difference === undefined)
    return `image ${name}: the same bytes, ${published} (built in ${seconds} s)`;
  return `image ${name}: ${published} was published, and ${built} built; ${difference}`;
}

runMain("reproduce", main);
