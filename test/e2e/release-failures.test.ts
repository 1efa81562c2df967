// What goes wrong when a release is made, on the real CLI, builder and registries: each time with a clear error, nothing half
// released, and a next run that does the rest.
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, extract } from "tar";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Reproduction } from "../../commands/build/reproduce.ts";
import { small } from "../../commands/rehearse/product.ts";
import { type Changes, type Ran, Stage } from "../../commands/rehearse/stage.ts";
import {
  artifact,
  descriptorOf,
  emptyBlob,
  emptyDescriptor,
} from "../../delivery/registry/artifact.ts";
import { RegistryClient } from "../../delivery/registry/client.ts";
import { readRelease } from "../../delivery/releases/store.ts";
import { rehearsalAuthority, rehearsalCertificate } from "../../platform/ghcr/certificates.ts";
import { airgapRegistryHost, rehearsalRegistryHost } from "../../platform/ghcr/settings.ts";
import { readPlatformSettings } from "../../platform/settings.ts";
import { enterReleaseTools } from "../../platform/tools/release-tools.ts";
import { FaultyProxy, ociError } from "./faulty-proxy.ts";

const work = mkdtempSync(join(tmpdir(), "tinyolly-release-failures-"));
const settings = readPlatformSettings();
const release = "v2.1.8";

beforeAll(() => enterReleaseTools());

afterAll(() => {
  rmSync(work, { recursive: true, force: true });
});

/** A copy of the project that only publishes, below a namespace of its own. */
function makeStage(name: string, changes: Changes = {}): Stage {
  const stage = new Stage({
    ...{ settings, product: small, folder: join(work, name), namespace: `failures/${name}` },
    changes: { deploy: false, signing: "none", ...changes },
  });
  stage.build();
  return stage;
}

/** Tags of each image, of the charts and of the releases. */
async function published(stage: Stage, client: RegistryClient): Promise<string[]> {
  const { images, charts } = stage.product;
  const names = [...images, ...charts.map((chart) => `charts/${chart}`), "releases"];
  const found = await Promise.all(
    names.map(async (name) =>
      (await client.listTags(`${stage.namespace}/${name}`)).map((tag) => `${name}:${tag}`),
    ),
  );
  return found.flat();
}

/** Without tags of content, under which nobody looks for a release. */
function releasedOf(tags: readonly string[]): string[] {
  return tags.filter((tag) => !/:v\d+\.\d+\.x-h/.test(tag));
}

/** A run that ended with an error that people can read. */
function refusal({ status, output }: Ran): string {
  expect(status).not.toBe(0);
  expect(output).not.toMatch(/unhandled|\bat .*\.ts:\d+:\d+/i);
  return output;
}

describe("sources from which no release is made:", () => {
  let stage: Stage;

  beforeAll(() => {
    stage = makeStage("sources");
  });

  afterEach(() => {
    rmSync(join(stage.checkout, ".git/shallow"), { force: true });
    stage.git("reset", "--quiet", "--hard");
    stage.git("clean", "--quiet", "--force", "-d");
    for (const tag of stage.git("tag").split("\n").filter(Boolean))
      stage.git("tag", "--delete", tag);
  });

  test.each<[what: string, spoil: () => void, message: RegExp]>([
    [
      "a dirty tree",
      () => {
        stage.tag(release);
        writeFileSync(join(stage.checkout, "apps/web/content"), "edited");
        writeFileSync(join(stage.checkout, "apps/web/new"), "new");
      },
      /the tree is not as the commit has it: apps\/web\/content, apps\/web\/new; commit and tag that, or put it aside with: git stash --include-untracked/,
    ],
    [
      "a commit without a tag",
      () => undefined,
      /HEAD \([0-9a-f]{10}\) has no tag; tag it with: git tag --annotate v2\.1\.0 --message v2\.1\.0/,
    ],
    [
      "a lightweight tag",
      () => stage.git("tag", release),
      /v2\.1\.8 is a lightweight tag, .*; make it an annotated one: git tag --annotate --force v2\.1\.8 /,
    ],
    [
      "a tag that is no version",
      () => {
        stage.tag("release-8");
      },
      /has release-8, which is no version such as v2\.1\.8; tag it with: git tag --annotate /,
    ],
    [
      "two tags",
      () => {
        stage.tag(release);
        stage.tag("v2.1.9");
      },
      /has the tags v2\.1\.8 and v2\.1\.9, and a release has one version; delete all but one: git tag --delete /,
    ],
    [
      "a shallow clone",
      () => {
        stage.tag(release);
        writeFileSync(join(stage.checkout, ".git/shallow"), stage.git("rev-parse", "HEAD"));
      },
      /the clone is shallow, .*; fetch the rest with: git fetch --unshallow --tags/,
    ],
  ])("%s", async (_, spoil, message) => {
    spoil();
    const before = stage.writes().length;
    expect(refusal(await stage.up())).toMatch(message);
    expect(stage.writes().slice(before)).toEqual([]);
  });

  test("a clock in 1970", async () => {
    stage.tag(release);
    const clock = join(work, "clock.cjs");
    writeFileSync(
      clock,
      `const real = Date; globalThis.Date = class extends real {
      constructor(...given) { super(...(given.length === 0 ? [0] : given)); }
      static now() { return 0; }
    };\n`,
    );
    const output = refusal(await stage.up("prod", { NODE_OPTIONS: `--require ${clock}` }));
    expect(output).toMatch(
      /the clock says 1970-01-01T00:00:00\.000Z, but the newest commit is of 20\d\d-.*; set it \(timedatectl set-ntp true\)/,
    );
  });
});

describe("tokens with which no release is made:", () => {
  let stage: Stage;

  beforeAll(() => {
    stage = makeStage("tokens");
    stage.tag(release);
  });

  afterEach(() => {
    stage.use("writer");
  });

  test.each<[what: string, env: () => NodeJS.ProcessEnv, message: RegExp]>([
    [
      "a wrong one",
      () => ({ TINYOLLY_REGISTRY_TOKEN: "t0ken-of-nobody" }),
      /answered 403 Forbidden to the token in TINYOLLY_REGISTRY_TOKEN, which may be wrong or have expired; put one there that may pull/,
    ],
    [
      "an expired one",
      () => {
        stage.use("expired");
        return {};
      },
      /answered 403 Forbidden to the token in TINYOLLY_REGISTRY_TOKEN, which may be wrong or have expired; put one there that may pull/,
    ],
    [
      "one that may only read",
      () => {
        stage.use("reader");
        return {};
      },
      /could not be pushed: .*the token in TINYOLLY_REGISTRY_TOKEN, which may at most read .*; put one there that may push there \(on GHCR: write:packages\)/,
    ],
  ])("%s", async (_, env, message) => {
    const before = stage.writes().length;
    const output = refusal(await stage.up("prod", env()));
    expect(output).toMatch(message);
    expect(output).not.toContain("t0ken-of-nobody");
    // An attempt to push at most.
    const writes = stage.writes().slice(before);
    expect(writes.filter((write) => !write.startsWith("POST "))).toEqual([]);
  });
});

describe("a release that is interrupted", () => {
  let stage: Stage;
  let proxy: FaultyProxy;
  let client: RegistryClient;
  let count = 0;

  beforeEach(async () => {
    const target = airgapRegistryHost(settings);
    proxy = await FaultyProxy.start({ target: `http://${target}` });
    client = new RegistryClient({ host: target, tls: "plain-http" });
    stage = makeStage(`interrupted-${count++}`, {
      ...{ registryPush: proxy.host, registryPushTls: "plain-http" },
    });
    stage.tag(release);
  });

  afterEach(async () => {
    client.close();
    await proxy.close();
  });

  /** The next run, when all is well again, with the manifests that it stored as `repository:reference`. */
  async function resume(): Promise<string[]> {
    proxy.heal();
    const before = proxy.writes.length;
    const { status, output } = await stage.up();
    expect(output).toContain("release v2.1.8 is recorded as");
    expect(status).toBe(0);
    return proxy.writes
      .slice(before)
      .flatMap(({ method, path }) => {
        const [, name = "", reference = ""] = /^\/v2\/(.*)\/manifests\/([^?]*)/.exec(path) ?? [];
        return method === "PUT" && name !== "" ? [`${name}:${reference}`] : [];
      })
      .map((manifest) => manifest.replace(`${stage.namespace}/`, ""));
  }

  async function expectWhole(): Promise<void> {
    const { images, charts } = stage.product;
    const aliased = [release, "latest", "v2", "v2.1"];
    expect(releasedOf(await published(stage, client)).sort()).toEqual(
      [
        ...images.flatMap((image) => aliased.map((tag) => `${image}:${tag}`)),
        ...charts.map((chart) => `charts/${chart}:1.0.0`),
        ...aliased.map((tag) => `releases:${tag}`),
      ].sort(),
    );
  }

  const isContent = (manifest: string): boolean => /:v\d+\.\d+\.x-h/.test(manifest);

  test("by a network that is cut after two of four images shows nothing, and the next run pushes only the others", async () => {
    // An index and its two manifests each, one image after the other.
    proxy.cutAfterManifests(6);
    const cut = await stage.up("prod", { PULUMI_PARALLEL: "1" });
    expect(cut.status).not.toBe(0);
    const tags = await published(stage, client);
    expect(releasedOf(tags)).toEqual([]);
    expect(tags).toHaveLength(2);
    const pushed = (await resume()).filter(isContent);
    expect(pushed.map((manifest) => manifest.split(":")[0]).sort()).toEqual(
      stage.product.images.filter((name) => !tags.some((tag) => tag.startsWith(`${name}:`))),
    );
    await expectWhole();
  });

  test("before the client learns that an image was stored takes that image as it is", async () => {
    proxy.cutAfterManifests(3, true);
    expect((await stage.up("prod", { PULUMI_PARALLEL: "1" })).status).not.toBe(0);
    const [stored = ""] = await published(stage, client);
    const pushed = (await resume()).filter(isContent);
    expect(pushed).toHaveLength(3);
    expect(pushed).not.toContain(stored);
    await expectWhole();
  });

  test("by a quota that is reached shows nothing, and is made when there is room", async () => {
    const full = { status: 403, body: ociError("DENIED", "quota exceeded") };
    proxy.answer(/^PUT .*\/charts\/.*\/manifests\//, full);
    expect(refusal(await stage.up())).toMatch(/quota/);
    const tags = releasedOf(await published(stage, client));
    expect(tags.filter((tag) => /^(charts|releases)\b|:latest$/.test(tag))).toEqual([]);
    expect((await resume()).filter(isContent)).toEqual([]);
    await expectWhole();
  });

  test("by somebody who publishes the same version meanwhile changes nothing of theirs", async () => {
    const theirs = join(stage.checkout, "..", "theirs");
    let other = "";
    proxy.before(/^PUT .*\/web\/manifests\/v2\.1\.x-h/, async () => {
      const config = Buffer.from(JSON.stringify({ theirs }));
      other = await putOther(client, `${stage.namespace}/api`, config);
    });
    const output = refusal(await stage.up());
    expect(output).toMatch(
      /v2\.1\.8 was published with other content in the meantime: api \(sha256:[0-9a-f]{64}\) in .*; published versions are never overwritten, and nothing of this release was tagged, so release the next version/,
    );
    expect(releasedOf(await published(stage, client))).toEqual([`api:${release}`]);
    expect((await client.getManifest(`${stage.namespace}/api`, release))?.digest).toBe(other);
    // The next version is made of what is there.
    stage.git("tag", "--delete", release);
    stage.tag("v2.1.9");
    proxy.heal();
    const before = proxy.writes.length;
    const next = await stage.up();
    expect(next.status).toBe(0);
    const tagged = proxy.writes.slice(before).map(({ path }) => path);
    expect(tagged.filter((path) => path.includes("/manifests/v2.1.x-h"))).toEqual([]);
  });
});

describe("a release whose sources change while it is made", () => {
  const pushOfAnImage = /^PUT .*\/web\/manifests\/v2\.1\.x-h/;
  let proxy: FaultyProxy;
  let client: RegistryClient;

  beforeEach(async () => {
    const target = airgapRegistryHost(settings);
    proxy = await FaultyProxy.start({ target: `http://${target}` });
    client = new RegistryClient({ host: target, tls: "plain-http" });
  });

  afterEach(async () => {
    client.close();
    await proxy.close();
  });

  /** A stage on the proxy, and what is done in it while its images are pushed. */
  function changedMeanwhile(name: string, change: (stage: Stage) => void): Stage {
    const endpoint = { registryPush: proxy.host, registryPushTls: "plain-http" };
    const stage = makeStage(name, endpoint);
    stage.tag(release);
    proxy.before(pushOfAnImage, () => {
      change(stage);
    });
    return stage;
  }

  test("by another commit is recorded as one of the commit that was planned", async () => {
    const stage = changedMeanwhile("commit", (stage) => {
      stage.git("commit", "--quiet", "--allow-empty", "--message", "next");
    });
    const planned = stage.git("rev-parse", "HEAD").trim();
    const { status, output } = await stage.up();
    expect(status, output).toBe(0);
    expect(stage.git("rev-parse", "HEAD").trim()).not.toBe(planned);
    const stored = await readRelease(client, stage.namespace, release);
    expect(stored?.record.source?.commit).toBe(planned);
  });

  test("by a chart that is edited ends, names the file, and releases nothing", async () => {
    const [chart = ""] = small.charts;
    const stage = changedMeanwhile("edited", ({ checkout }) => {
      appendFileSync(join(checkout, `charts/${chart}/values.yaml`), "# later\n");
    });
    expect(refusal(await stage.up())).toContain(
      `charts/${chart}/values.yaml changed since it was planned`,
    );
    const tags = releasedOf(await published(stage, client));
    expect(
      tags.filter((tag) => tag.startsWith("releases:") || tag.includes(`charts/${chart}:`)),
    ).toEqual([]);
  });
});

describe("a bundle", () => {
  let stage: Stage;
  const file = join(work, "release.tar");

  const load = (name: string, ...flags: string[]): Promise<Ran> =>
    stage.release("load", "--file", name, "--stack", "airgap", ...flags);

  /** What the registry without network has of it. */
  async function loaded(): Promise<string[]> {
    const client = new RegistryClient({ host: airgapRegistryHost(settings), tls: "plain-http" });
    try {
      return await published(stage, client);
    } finally {
      client.close();
    }
  }

  beforeAll(async () => {
    stage = makeStage("bundle", { signing: "key" });
    stage.tag(release);
    const made = await stage.up();
    expect(made.status).toBe(0);
    const bundled = await stage.release("bundle", "--release", release, "--file", file);
    expect(bundled.status).toBe(0);
  });

  test("holds images that are built again with the same bytes", async () => {
    const again = ["commands/build/cli.ts", "--stack", "prod", "--release", release];
    const { status, stdout, output } = await stage.start("node", [...again, "--json"]);
    expect(status, output).toBe(0);
    // The command's own JSON.
    const done = JSON.parse(stdout) as Reproduction[];
    expect(done.map(({ name }) => name).sort()).toEqual(small.images);
    expect(done.filter(({ built, published }) => built !== published)).toEqual([]);
    const file = join(stage.checkout, "apps/web/content");
    const text = readFileSync(file, "utf8");
    writeFileSync(file, `${text}more\n`);
    try {
      const edited = await stage.start("node", [...again, "--image", "web"]);
      expect(edited.output).toContain('image "web" of v2.1.8 was built of other sources');
      expect(edited.status).toBe(1);
    } finally {
      writeFileSync(file, text);
    }
  });

  test("that was tampered with is not loaded", async () => {
    const folder = join(work, "tampered");
    mkdirSync(folder);
    await extract({ file, cwd: folder });
    const blobs = join(folder, "blobs/sha256");
    const changed = readdirSync(blobs).find((name) =>
      readFileSync(join(blobs, name), "utf8").includes('"amd64"'),
    );
    const path = join(blobs, changed ?? "");
    writeFileSync(path, readFileSync(path, "utf8").replace('"amd64"', '"arm64"'));
    const tampered = join(work, "tampered.tar");
    await create({ file: tampered, cwd: folder }, readdirSync(folder));
    expect(refusal(await load(tampered))).toMatch(
      /is not the bundle that was made: the content of [0-9a-f]{12}… does not have that digest; get it again/,
    );
    expect(await loaded()).toEqual([]);
  });

  test("that another key signed is not loaded", async () => {
    stage.makeKey("other");
    const output = refusal(await load(file, "--key", stage.keyFile("other.pub")));
    expect(output).toMatch(
      /cannot be trusted, so nothing was loaded:\nrelease signature: it is signed by another key than /,
    );
    expect(await loaded()).toEqual([]);
  });

  test("as it was made is loaded", async () => {
    const { status, output } = await load(file);
    expect(output).toMatch(/its signatures hold \(\d+ checks\)/);
    expect(status).toBe(0);
  });
});

describe("a token whose rights end in the middle of a push", () => {
  let stage: Stage;
  let proxy: FaultyProxy;

  beforeAll(async () => {
    const { key, certificate } = rehearsalCertificate(settings);
    proxy = await FaultyProxy.start({
      target: `https://${rehearsalRegistryHost(settings)}`,
      targetAuthority: readFileSync(rehearsalAuthority(settings).certificate, "utf8"),
      tls: { key: readFileSync(key, "utf8"), cert: readFileSync(certificate, "utf8") },
    });
    const changes = { registryPush: proxy.host, registryPushTls: "skip-verify" };
    stage = makeStage("hasty", changes);
    stage.tag(release);
    stage.use("hasty");
  });

  afterAll(() => proxy.close());

  test("is renewed, whatever is sent at the time", async () => {
    const longer = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2_500));
    const moments = [
      /^PUT .*\/blobs\/uploads\//,
      /^PUT .*\/web\/manifests\/sha256/,
      /^PUT .*\/manifests\/v2\.1\.8/,
      /^PUT .*\/charts\/.*\/manifests/,
      /^PUT .*\/releases\/manifests/,
    ];
    for (const moment of moments) proxy.before(moment, longer);
    const { status, output } = await stage.up("prod", { TINYOLLY_REGISTRY_HOST: proxy.host });
    expect(output).toContain("release v2.1.8 is recorded as");
    expect(status).toBe(0);
    for (const moment of moments) {
      const sent = proxy.requests.filter(({ method, path }) => moment.test(`${method} ${path}`));
      expect(sent.map((request) => request.status)).toContain(401);
    }
  });
});

/** Publishes something else as the release of a repository. Returns its digest. */
async function putOther(
  client: RegistryClient,
  repository: string,
  config: Buffer,
): Promise<string> {
  const layer = descriptorOf(config, "application/octet-stream");
  await client.uploadBlob(repository, emptyDescriptor, emptyBlob);
  await client.uploadBlob(repository, layer, config);
  const manifest = artifact({
    artifactType: "application/x.other",
    layers: [layer],
    annotations: {},
  });
  return client.putManifest(repository, release, manifest);
}
