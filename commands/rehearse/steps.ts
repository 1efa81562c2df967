import assert from "node:assert/strict";
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { RegistryClient } from "../../delivery/registry/client.ts";
import { imageProblem } from "../../delivery/registry/image-platforms.ts";
import { readRelease, releaseNames } from "../../delivery/releases/store.ts";
import { buildkitAddress, buildkitd } from "../../platform/cluster/services.ts";
import { programs, startEmulated } from "../../platform/ghcr/emulated.ts";
import { airgapRegistryHost } from "../../platform/ghcr/settings.ts";
import { provideEmulation } from "../../platform/machine/emulation.ts";
import { startService, stopService } from "../../platform/machine/processes.ts";
import { formatBytes } from "../../platform/report/table.ts";
import type { Stage, StageOutputs } from "./stage.ts";

/** One step of a release's life. */
export interface Step {
  /** What is done, for the table. */
  readonly name: string;
  /** Does it, and resolves to what is worth telling; throws when something is not as it must be. */
  readonly run: (stage: Stage) => Promise<string> | string;
}

/** Platforms of every image. */
export const platforms: readonly string[] = ["linux/amd64", "linux/arm64"];

const first = "v2.1.8";
const second = "v2.1.9";
const promoted = "v2.2.0-rc.1";
const promotedAgain = "v2.2.0-rc.2";

/** A whole life, in its order; each step stands on those before it. */
export const life: readonly Step[] = [
  { name: `release ${first}`, run: release },
  { name: "both platforms", run: checkPlatforms },
  { name: "arm64 starts", run: startOthers },
  { name: "verify", run: verify },
  { name: "no-op", run: noOp },
  { name: "change without a chart version", run: refuseChart },
  { name: `release ${second}`, run: change },
  { name: "forbidden overwrite", run: overwrite },
  { name: `rollback to ${first}`, run: rollback },
  { name: "promote", run: promote },
  { name: "bundle", run: bundle },
  { name: "gc", run: gc },
  { name: "destroy", run: destroy },
];

async function release(stage: Stage): Promise<string> {
  const untagged = await stage.release("check");
  assert.equal(untagged.status, 1, untagged.output);
  assert.match(untagged.output, /has no tag; tag it with: git tag --annotate/);
  stage.tag(first);
  const { status, output } = await stage.release("check");
  assert.equal(status, 0, output);
  const done = await stage.up();
  assert.equal(done.status, 0, done.output);
  const { images, charts, applications } = stage.outputs();
  assert.deepEqual(Object.keys(images).sort(), [...stage.product.images].sort());
  assert.ok(Object.values(images).every(({ tag }) => tag === first));
  assert.deepEqual(Object.keys(charts).sort(), [...stage.product.charts].sort());
  for (const [name, { version }] of Object.entries(charts))
    assert.equal(applications[name]?.revision, version);
  return `${Object.keys(images).length} images, ${Object.keys(charts).length} charts, deployed`;
}

async function checkPlatforms(stage: Stage): Promise<string> {
  const { images, release } = stage.outputs();
  await stage.asked(async (client) => {
    for (const [name, { digest }] of Object.entries(images)) {
      const repository = `${stage.namespace}/${name}`;
      assert.equal(await imageProblem(client, { repository, digest, platforms }), undefined);
      for (const tag of [first, "latest", "v2", "v2.1"])
        assert.equal((await client.getManifest(repository, tag))?.digest, digest);
    }
    const stored = await readRelease(client, stage.namespace, "latest");
    assert.equal(stored?.digest, release?.digest);
    assert.equal(stored?.record.source?.commit, stage.git("rev-parse", "HEAD"));
  });
  return platforms.join(", ");
}

/** Of the whole release by one key, and by another one. */
async function verify(stage: Stage): Promise<string> {
  const { status, output } = await stage.verify(first);
  assert.equal(status, 0, output);
  const [, checks = ""] = /all (\d+) checks hold/.exec(output) ?? [];
  stage.makeKey("other");
  const other = await stage.verify(first, "--key", stage.keyFile("other.pub"));
  assert.equal(other.status, 1, other.output);
  assert.match(other.output, /release +signature +FAILED +it is signed by another key/);
  return `${checks} checks hold, and fail by another key`;
}

async function startOthers(stage: Stage): Promise<string> {
  if (!stage.product.starts) return "nothing to start";
  const { images } = stage.outputs();
  await provideEmulation(stage.settings, platforms, (line) => {
    process.stderr.write(`${line}\n`);
  });
  const times: string[] = [];
  for (const program of programs) {
    const { digest = "" } = images[program.image] ?? {};
    const reference = `${stage.registry}/${stage.namespace}/${program.image}@${digest}`;
    const image = { reference, platform: "linux/arm64", buildkit: buildkitAddress(stage.settings) };
    const started = await startEmulated(image, program);
    await started.stop();
    assert.match(started.runs, /qemu/);
    times.push(`${program.name} ${started.seconds.toFixed(0)} s`);
    process.stderr.write(`  ${program.name} answers after ${started.seconds.toFixed(1)} s\n`);
  }
  return times.join(", ");
}

async function noOp(stage: Stage): Promise<string> {
  const before = stage.writes().length;
  const { status, output } = await stage.up();
  assert.equal(status, 0, output);
  assert.match(output, /Resources:\s+\d+ unchanged/);
  assert.deepEqual(stage.writes().slice(before), []);
  return "nothing pushed";
}

async function refuseChart(stage: Stage): Promise<string> {
  stage.product.edit(stage.checkout, "one");
  stage.commit("One change");
  stage.tag(second);
  const before = stage.writes().length;
  const { status, output } = await stage.up();
  assert.notEqual(status, 0);
  const named = [...output.matchAll(/make chart-version CHART=(\S+) VERSION=/g)];
  assert.deepEqual(new Set(named.map(([, chart]) => chart)), new Set([stage.product.editedChart]));
  assert.deepEqual(stage.writes().slice(before), []);
  return "refused before anything was built";
}

async function change(stage: Stage): Promise<string> {
  const before = stage.outputs();
  const { output } = await stage.release("check");
  for (const [, chart = "", version = ""] of output.matchAll(
    /make chart-version CHART=(\S+) VERSION=(\S+)/g,
  )) {
    const set = await stage.release("chart-version", "--chart", chart, "--version", version);
    assert.equal(set.status, 0, set.output);
  }
  stage.commit("Chart versions");
  stage.tag(second);
  const done = await stage.up();
  assert.equal(done.status, 0, done.output);
  const { images, charts } = stage.outputs();
  const built = Object.keys(images).filter(
    (name) => images[name]?.digest !== before.images[name]?.digest,
  );
  assert.deepEqual(built, [stage.product.edited]);
  const packaged = Object.keys(charts).filter(
    (name) => charts[name]?.digest !== before.charts[name]?.digest,
  );
  assert.deepEqual(packaged, [stage.product.editedChart]);
  return `only image ${stage.product.edited} and chart ${stage.product.editedChart} made`;
}

async function overwrite(stage: Stage): Promise<string> {
  stage.product.edit(stage.checkout, "two");
  stage.commit("Another change");
  stage.tag(second);
  const before = stage.writes().length;
  const { status, output } = await stage.up();
  assert.notEqual(status, 0);
  assert.match(output, /is published with other content .*never overwritten/);
  assert.deepEqual(stage.writes().slice(before), []);
  stage.git("reset", "--quiet", "--hard", "HEAD~1");
  stage.tag(second);
  return "refused, nothing pushed";
}

async function rollback(stage: Stage): Promise<string> {
  const away = ["apps", "charts"].map((name) => join(stage.checkout, name));
  for (const folder of away) renameSync(folder, `${folder}-away`);
  await stopService(stage.settings.state, "buildkitd");
  try {
    const { status, output } = await stage.release("rollback", "--to", first);
    assert.equal(status, 0, output);
    const { applications, charts, release } = stage.outputs();
    assert.equal(release?.version, first);
    for (const [name, { revision }] of Object.entries(applications))
      assert.equal(revision, charts[name]?.version);
    requireLive(stage, applications);
  } finally {
    for (const folder of away) renameSync(`${folder}-away`, folder);
    await startBuilder(stage);
  }
  return "without sources and builder";
}

/** What the cluster itself says. */
function requireLive(stage: Stage, applications: StageOutputs["applications"]): void {
  const args = ["get", "applications.argoproj.io", "--namespace=argocd", "--output=json"];
  // The shape of a Kubernetes list.
  const { items } = JSON.parse(stage.mustRun("kubectl", args).stdout) as {
    items: {
      metadata: { name: string };
      spec: { source: { targetRevision: string } };
      status: { health: { status: string } };
    }[];
  };
  for (const [name, { revision }] of Object.entries(applications)) {
    const live = items.find(({ metadata }) => metadata.name === name);
    assert.equal(live?.spec.source.targetRevision, revision);
    assert.equal(live.status.health.status, "Healthy");
  }
}

async function startBuilder({ settings }: Stage): Promise<void> {
  await startService(settings.state, buildkitd(settings));
}

async function promote(stage: Stage): Promise<string> {
  const local = await stage.up("local");
  assert.equal(local.status, 0, local.output);
  const built = stage.outputs("local");
  const { status, output } = await stage.release(
    ...["promote", "--from", "local", "--to", "prod", "--as", promoted],
  );
  assert.equal(status, 0, output);
  await stage.asked(async (client) => {
    const { record } = (await readRelease(client, stage.namespace, promoted)) ?? {};
    assert.ok(record?.origin);
    const run = Object.values(record.charts).flatMap(({ images }) => images);
    assert.deepEqual(
      run.filter((name) => record.images[name] === undefined),
      [],
    );
    for (const [name, { digest }] of Object.entries(built.images)) {
      assert.equal(record.images[name]?.digest, digest);
      const repository = `${stage.namespace}/${name}`;
      assert.equal((await client.getManifest(repository, promoted))?.digest, digest);
    }
  });
  return `${promoted} with the digests of local`;
}

async function bundle(stage: Stage): Promise<string> {
  const file = join(stage.checkout, "..", "release.tar");
  rmSync(file, { force: true });
  const made = await stage.release("bundle", "--release", second, "--file", file);
  assert.equal(made.status, 0, made.output);
  assert.ok(existsSync(file));
  const loaded = await stage.release("load", "--file", file, "--stack", "airgap");
  assert.equal(loaded.status, 0, loaded.output);
  const airgap = new RegistryClient({
    host: airgapRegistryHost(stage.settings),
    tls: "plain-http",
  });
  let bytes = 0;
  try {
    const there = await readRelease(airgap, stage.namespace, second);
    const here = await stage.asked((client) => readRelease(client, stage.namespace, second));
    assert.ok(there);
    assert.equal(there.digest, here?.digest);
    for (const { path, digest, platforms: wanted } of Object.values(there.record.images)) {
      const repository = `${stage.namespace}/${path}`;
      assert.equal(
        await imageProblem(airgap, { repository, digest, platforms: wanted }),
        undefined,
      );
      bytes += (await airgap.getManifest(repository, digest))?.size ?? 0;
    }
    const verified = await stage.verify(second, "--stack", "airgap");
    assert.equal(verified.status, 0, verified.output);
  } finally {
    airgap.close();
    rmSync(file, { force: true });
  }
  return `same digests elsewhere${bytes > 0 ? `, ${formatBytes(bytes)}` : ""}`;
}

/** Of two releases with the same digests, the older one goes; what the cluster runs, or ran, stays. */
async function gc(stage: Stage): Promise<string> {
  const args = ["promote", "--from", "local", "--to", "prod", "--as", promotedAgain];
  const copied = await stage.release(...args);
  assert.equal(copied.status, 0, copied.output);
  const command = ["commands/gc/cli.ts", "--stack", "prod"];
  const names = async (): Promise<string[]> =>
    stage.asked((client) => releaseNames(client, stage.namespace));
  const before = await names();
  const writes = stage.writes().length;
  const dry = stage.mustRun("node", [...command, "--keep", "1"]);
  assert.deepEqual(stage.writes().slice(writes), []);
  assert.match(dry.output, /would|DELETE=1|--delete/);
  stage.use("owner");
  try {
    stage.mustRun("node", [...command, "--keep", "1", "--delete"]);
  } finally {
    stage.use("writer");
  }
  const after = await names();
  // Kept are the newest one, the one that has the aliases, and the one that runs.
  assert.deepEqual(before, [promotedAgain, promoted, second, first]);
  assert.deepEqual(after, [promotedAgain, second, first]);
  const whole = await stage.verify(promotedAgain);
  assert.equal(whole.status, 0, whole.output);
  await requireImages(stage, stage.outputs().images);
  return `${promoted} is gone, its digests stay with ${promotedAgain}`;
}

/** Everything that the cluster runs, or ran, must still be there. */
async function requireImages(stage: Stage, images: StageOutputs["images"]): Promise<void> {
  await stage.asked(async (client) => {
    for (const [name, { digest }] of Object.entries(images)) {
      const repository = `${stage.namespace}/${name}`;
      assert.equal(await imageProblem(client, { repository, digest, platforms }), undefined, name);
    }
  });
}

async function destroy(stage: Stage): Promise<string> {
  const { images } = stage.outputs();
  const { status, output } = await stage.destroy();
  assert.equal(status, 0, output);
  const args = ["get", "applications.argoproj.io", "--namespace=argocd", "--output=name"];
  const left = stage.mustRun("kubectl", args).stdout;
  for (const chart of stage.product.charts)
    assert.doesNotMatch(left, new RegExp(`/${chart}$`, "m"));
  await requireImages(stage, images);
  return "Applications are gone, what was published stays";
}
