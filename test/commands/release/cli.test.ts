// The commands about releases, as users start them, with registries in this process.
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { create, extract } from "tar";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { stringify } from "yaml";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import { imageMark } from "../../../delivery/plan/fingerprint.ts";
import { emptyDescriptor } from "../../../delivery/registry/artifact.ts";
import { RegistryClient } from "../../../delivery/registry/client.ts";
import { readRelease } from "../../../delivery/releases/store.ts";
import { putRelease } from "../../delivery/signing/a-release.ts";
import { keyPair } from "../../delivery/signing/memory-registry.ts";
import { type FakeRegistry, manifestOf, startRegistry } from "../../fake-registry.ts";
import { enterFolderWith, writeFiles } from "../../folders.ts";
import { type Ended, runTypeScript } from "../../run-typescript.ts";
import { stackConfig } from "../../stacks.ts";

const project = resolve(import.meta.dirname, "../../..");

let here: FakeRegistry;
let there: FakeRegistry;

beforeEach(async () => {
  enterFolderWith({ "package.json": '{"version": "2.1.0"}' });
  copyFileSync(join(project, "Pulumi.yaml"), "Pulumi.yaml");
  here = await startRegistry();
  there = await startRegistry();
  onTestFinished(async () => {
    await here.close();
    await there.close();
  });
  stack("prod", here, "shop");
  stack("airgap", there, "far/away");
});

/** Writes the configuration of a stack that publishes to a registry. */
function stack(
  name: string,
  { host }: FakeRegistry,
  namespace: string,
  more: Readonly<Record<string, unknown>> = {},
): void {
  const config: Readonly<Record<string, unknown>> = {
    ...stackConfig("prod"),
    ...{ registryPush: host, registryPushTls: "plain-http", registryNamespace: namespace },
    ...{ registryPull: host, signing: "none", ...more },
  };
  const keys = Object.entries(config).map(([key, value]): [string, unknown] => [
    `tinyolly:${key}`,
    value,
  ]);
  writeFileSync(`Pulumi.${name}.yaml`, stringify({ config: Object.fromEntries(keys) }));
}

function release(...args: string[]): Promise<Ended> {
  return runTypeScript("commands/release/cli.ts", args, {
    PATH: `${resolve("bin")}:${process.env["PATH"] ?? ""}`,
  });
}

/** Runs `body` with a client for a registry. */
async function asked<T>(
  { host }: FakeRegistry,
  body: (client: RegistryClient) => Promise<T>,
): Promise<T> {
  const client = new RegistryClient({ host, tls: "plain-http" });
  try {
    return await body(client);
  } finally {
    client.close();
  }
}

const writes = ({ requests }: FakeRegistry): string[] =>
  requests
    .filter(({ method }) => method !== "GET" && method !== "HEAD")
    .map(({ method, path }) => `${method} ${path}`);

describe("list", () => {
  test("shows the newest release first, with what decides it", async () => {
    const { digest } = await putRelease(here);
    await putRelease(here, { release: "v2.1.10", content: "new" });
    const { status, stdout } = await release("list", "--stack=prod");
    const lines = stdout.split("\n").map((line) => line.trim().split(/\s\s+/));
    expect(lines).toEqual([
      ["release", "date", "commit", "charts", "record"],
      ["v2.1.10", "2026-11-25", "0000000000", "shop 1.2.3", expect.stringContaining("sha256:")],
      ["v2.1.8", "2026-11-25", "0000000000", "shop 1.2.3", digest.slice(0, 19)],
      [""],
    ]);
    expect(status).toBe(0);
  });

  test("says that there is none, and prints JSON", async () => {
    expect((await release("list")).stdout).toBe(`${here.host}/shop has no release\n`);
    const { record, digest } = await putRelease(here);
    const { stdout } = await release("list", "--json");
    expect(JSON.parse(stdout)).toEqual([{ record, digest }]);
  });
});

describe("a bundle", () => {
  test("is the same each time, and brings a release with its digests, signatures and record elsewhere", async () => {
    const { record, digest, signature } = await putRelease(here);
    const made = await release("bundle", "--release=v2.1.8", "--file=one.tar");
    expect(made.stderr.split("\n").map((line) => line.replace(/  .*/, ""))).toEqual([
      "api:v2.1.8",
      "web:v2.1.8",
      "charts/shop:1.2.3",
      "releases:v2.1.8",
      "",
    ]);
    expect(made.stdout).toMatch(new RegExp(`^one.tar  .*\nrecord ${digest}, which`));
    // In the place of an earlier one.
    for (let i = 0; i < 2; i++) await release("bundle", "--release=v2.1.8", "--file=two.tar");
    expect(sha256(readFileSync("one.tar"))).toBe(sha256(readFileSync("two.tar")));
    expect(readdirSync(".").filter((file) => file.includes("draft"))).toEqual([]);

    const other = await release("bundle", "--release=v2.1.8", "--file=package.json");
    expect(other).toEqual({
      ...{ status: 1, stdout: "" },
      stderr: "release: package.json is there already, and is no bundle; name another file\n",
    });

    const loaded = await release("load", "--file=one.tar", "--stack=airgap", "--trust");
    expect(loaded.stdout).toContain(digest);
    expect(loaded.status).toBe(0);
    await asked(there, async (client) => {
      expect(await readRelease(client, "far/away", "v2.1.8")).toEqual({ record, digest });
      for (const { path, tag, digest: image } of Object.values(record.images))
        expect((await client.getManifest(`far/away/${path}`, tag))?.digest).toBe(image);
      const chart = await client.getManifest("far/away/charts/shop", "1.2.3");
      expect(chart?.digest).toBe(record.charts["shop"]?.digest);
      const signatures = await client.listReferrers(
        "far/away/web",
        record.images["web"]?.digest ?? "",
      );
      expect(signatures.map((one) => one.digest)).toEqual([signature]);
    });
    const tags = writes(there).filter((one) => /\/manifests\/(?!sha256)/.test(one));
    expect(tags.map((one) => one.replace(/.*far\/away\//, ""))).toEqual([
      "api/manifests/v2.1.8",
      "web/manifests/v2.1.8",
      "charts/shop/manifests/1.2.3",
      "releases/manifests/v2.1.8",
      // Aliases move last.
      ...["latest", "v2", "v2.1"].flatMap((alias) =>
        ["api", "web", "releases"].map((name) => `${name}/manifests/${alias}`),
      ),
    ]);

    const before = writes(there);
    const again = await release(
      "load",
      "--file=one.tar",
      `--registry=${there.host}/far/away`,
      "--tls=plain-http",
      "--trust",
    );
    expect(again.stderr).toMatch(
      /^its signatures are not checked, since it is to be trusted\nimage api: is there\nimage web: is there\nchart shop: is there\n$/,
    );
    expect(again.status).toBe(0);
    expect(writes(there)).toEqual(before);
  });

  test("that was changed is refused before anything is pushed", async () => {
    await putRelease(here);
    await release("bundle", "--release=v2.1.8", "--file=good.tar");
    const cases: [change: (folder: string) => void, message: RegExp][] = [
      [
        (folder) => {
          const [blob = ""] = readdirSync(join(folder, "blobs/sha256"));
          appendFileSync(join(folder, "blobs/sha256", blob), "x");
        },
        /is not the bundle that was made: the content of [0-9a-f]{12}… does not have that digest/,
      ],
      [
        (folder) => {
          writeFileSync(join(folder, "blobs/sha256/evil"), "x");
        },
        /holds blobs\/sha256\/evil, which no bundle does, so nothing was loaded/,
      ],
      [
        (folder) => {
          writeFileSync(join(folder, "index.json"), "{}");
        },
        /is not the bundle that was made: it has no index.json that lists manifests/,
      ],
      [
        (folder) => {
          const file = join(folder, "index.json");
          writeFileSync(file, readFileSync(file, "utf8").replaceAll("releases:", "other:"));
        },
        /does not hold one release; make bundle writes such files/,
      ],
      [
        (folder) => {
          rmSync(join(folder, "blobs/sha256", emptyDescriptor.digest.replace("sha256:", "")));
        },
        /is not the bundle that was made: web lacks sha256:[0-9a-f]{64}; get it again from where it comes from/,
      ],
    ];
    for (const [index, [change, message]] of cases.entries()) {
      const folder = `case-${index}`;
      mkdirSync(folder);
      await extract({ file: "good.tar", cwd: folder });
      change(folder);
      await create({ file: `${folder}.tar`, cwd: folder }, readdirSync(folder));
      const target = [`--file=${folder}.tar`, "--stack=airgap", "--trust"];
      const { status, stderr } = await release("load", ...target);
      expect(stderr).toMatch(message);
      expect(status).toBe(1);
    }
    writeFileSync("none.tar", "no tar");
    const none = await release("load", "--file=none.tar", "--stack=airgap", "--trust");
    expect(none.stderr).toMatch(
      /^release: none.tar (cannot be unpacked|does not hold|is not the bundle)/,
    );
    expect(writes(there)).toEqual([]);
  });

  test("without the signatures that must be there is refused before anything is pushed", async () => {
    const pem = keyPair().publicKey.export({ type: "spki", format: "pem" }).toString();
    writeFileSync("cosign.pub", pem);
    await putRelease(here);
    await release("bundle", "--release=v2.1.8", "--file=a.tar");
    const refusal =
      /^release: a\.tar cannot be trusted, so nothing was loaded:\nrelease signature: nothing is attached\n/;
    const named = await release("load", "--file=a.tar", "--stack=airgap", "--key=cosign.pub");
    expect(named.stderr).toMatch(refusal);
    expect(named.status).toBe(1);
    stack("airgap", there, "far/away", { signing: "key" });
    expect((await release("load", "--file=a.tar", "--stack=airgap")).stderr).toMatch(refusal);
    const trusted = await release("load", "--file=a.tar", "--stack=airgap", "--trust");
    expect(trusted.stderr).toMatch(refusal);
    expect(writes(there)).toEqual([]);
  });

  test("is loaded unverified only where it is said that it is to be trusted", async () => {
    await putRelease(here);
    await release("bundle", "--release=v2.1.8", "--file=a.tar");
    for (const target of [["--stack=airgap"], [`--registry=${there.host}/far/away`]]) {
      const { status, stderr } = await release("load", "--file=a.tar", ...target);
      expect(stderr).toBe(
        "release: nobody is named who must have signed a.tar, so nothing was loaded; name the public key with KEY=cosign.pub, or " +
          "load it unverified with TRUST=1\n",
      );
      expect(status).toBe(1);
    }
    expect(writes(there)).toEqual([]);
  });

  test("never overwrites what is there under the same versions", async () => {
    await putRelease(here);
    await release("bundle", "--release=v2.1.8", "--file=a.tar");
    const other = there.setManifest("far/away/web", "v2.1.8", manifestOf("other"));
    const { status, stderr } = await release("load", "--file=a.tar", "--stack=airgap", "--trust");
    expect(stderr.replace(/^its signatures .*\n/, "")).toBe(
      `release: ${there.host}/far/away has other content under the same versions: image web v2.1.8 (${other}); published ` +
        "versions are never overwritten, and nothing was copied, so give the release another version\n",
    );
    expect(status).toBe(1);
    expect(writes(there)).toEqual([]);
  });

  test("of a release with lost parts is not made", async () => {
    const { record } = await putRelease(here);
    here.delete("shop/api", record.images["api"]?.digest ?? "");
    const { status, stderr } = await release("bundle", "--release=v2.1.8");
    expect(stderr).toContain("v2.1.8 is not whole");
    expect(status).toBe(1);
    expect(existsSync("tinyolly-v2.1.8.tar")).toBe(false);
  });
});

describe("promotion", () => {
  const key = "0123456789ab".padEnd(64, "0");

  /** The state of a development stack that published what a record holds, its images from the content of `built`. */
  function developmentState(
    record: Awaited<ReturnType<typeof putRelease>>["record"],
    built = key.slice(0, 12),
  ): void {
    const urn = (types: string, name: string): string =>
      `urn:pulumi:local::tinyolly::${types}::${name}`;
    const resources = [
      ...Object.entries(record.images).flatMap(([name, { digest, platforms }]) => [
        {
          urn: urn("tinyolly:index:Image", name),
          type: "tinyolly:index:Image",
          inputs: {
            ...{ key, tag: "v2.1.x-h0123456789ab", settings: { platforms } },
            ...{ buildArgs: {}, bases: { nginx: "unlocked" }, needs: {} },
          },
          outputs: {},
        },
        {
          urn: urn("tinyolly:index:Image$docker-build:index:Image", name),
          type: "docker-build:index:Image",
          outputs: {
            ...{ digest, tags: ["x"] },
            context: { location: `/contexts/${name}-${built}/${built}` },
          },
        },
      ]),
      {
        urn: urn("tinyolly:index:Chart", "shop"),
        type: "tinyolly:index:Chart",
        inputs: {
          key,
          version: "1.2.3",
          images: {
            "web.image": imageMark({ name: "web", key }),
            // As recorded by an earlier version.
            "api.image": `api:v2.1.8 ${key.slice(0, 12)}`,
          },
        },
        outputs: {},
      },
      {
        urn: urn("tinyolly:index:Chart$command:local:Command", "shop"),
        type: "command:local:Command",
        outputs: {
          stdin: JSON.stringify({ pushFolder: "oci://x", version: "1.2.3", key }),
          stdout: JSON.stringify({ digest: record.charts["shop"]?.digest }),
        },
      },
    ];
    writeFiles(".", {
      "bin/pulumi": "#!/bin/sh\nexec cat state\n",
      state: JSON.stringify({ version: 3, deployment: { resources } }),
    });
    chmodSync("bin/pulumi", 0o755);
  }

  test("copies what a development stack has published by digest, builds nothing, and records the origin", async () => {
    const { record } = await putRelease(here);
    stack("local", here, "shop", { versioning: "content" });
    developmentState(record);
    const args = ["promote", "--from=local", "--to=airgap", "--as=v3.0.0"];
    const { status, stdout } = await release(...args);
    expect(stdout).toMatch(
      new RegExp(
        `^v3.0.0 is in ${there.host}/far/away\nlatest is v3.0.0\nv3 is v3.0.0\nv3.0 is v3.0.0\nrecord sha256:\\w+\nNext: make rollback TO=v3.0.0 STACK=airgap `,
      ),
    );
    expect(status).toBe(0);
    await asked(there, async (client) => {
      const { record: copied } = (await readRelease(client, "far/away", "v3.0.0")) ?? {};
      expect(copied?.origin).toEqual({
        registry: `${here.host}/shop`,
        release: expect.stringMatching(/^v2\.1\.x-h[0-9a-f]{12}$/) as string,
      });
      expect(copied?.charts["shop"]).toMatchObject({
        version: "1.2.3",
        digest: record.charts["shop"]?.digest,
        pullFrom: `${here.host}/shop`,
        images: ["api", "web"],
      });
      for (const name of ["web", "api"]) {
        const digest = record.images[name]?.digest;
        expect(copied?.images[name]).toMatchObject({ tag: "v3.0.0", digest });
        expect((await client.getManifest(`far/away/${name}`, "v3.0.0"))?.digest).toBe(digest);
      }
    });
    const before = writes(there);
    expect((await release(...args)).stdout).toContain(", as it was before");
    expect(writes(there)).toEqual(before);
  });

  test("of what a failed run has not built yet is refused", async () => {
    const { record } = await putRelease(here);
    stack("local", here, "shop", { versioning: "content" });
    developmentState(record, "ba9876543210");
    const { stderr, status } = await release("promote", "--from=local", "--to=airgap");
    expect(stderr).toMatch(
      /"(web|api)" of stack "local" was not published in the last run; run pulumi up --stack local again/,
    );
    expect(status).toBe(1);
    expect(writes(there)).toEqual([]);
  });

  test("of content without a release moves no alias", async () => {
    await putRelease(there, { release: "v3.0.0", namespace: "far/away" });
    const { record } = await putRelease(here);
    stack("local", here, "shop", { versioning: "content" });
    developmentState(record);
    const { stdout, stderr, status } = await release("promote", "--from=local", "--to=airgap");
    expect(stderr).not.toContain("TypeError");
    expect(stdout).not.toContain("latest");
    expect(status).toBe(0);
  });

  test("of a release says which record it was", async () => {
    const { digest } = await putRelease(here);
    expect(
      (await release("promote", "--from=prod", "--to=airgap", "--release=v2.1.8")).status,
    ).toBe(0);
    const stored = await asked(there, (client) => readRelease(client, "far/away", "v2.1.8"));
    expect(stored?.record.origin).toEqual({
      ...{ registry: `${here.host}/shop`, release: "v2.1.8", digest },
    });
  });
});

describe("pulumi is run", () => {
  /** Puts a pulumi on PATH that knows the stack, and notes how else it was called. */
  function fakePulumi(status = 0, knows = "true"): void {
    const known = `[ "$1" = stack ] && { ${knows}; exit; }`;
    const call = `echo "$* $TINYOLLY_RELEASE" >> '${resolve("calls")}'`;
    writeFiles(".", { "bin/pulumi": `#!/bin/sh\n${known}\n${call}\nexit ${status}\n` });
    chmodSync("bin/pulumi", 0o755);
  }

  const calls = (): string => readFileSync("calls", "utf8");
  const applications = "--target **tinyolly:index:Application** v2.1.8\n";

  test("on the Applications alone to roll back", async () => {
    await putRelease(here);
    fakePulumi();
    const { status, stdout } = await release("rollback", "--to=v2.1.8");
    expect(calls()).toBe(`up --yes --skip-preview --suppress-outputs --stack prod ${applications}`);
    expect(stdout).toBe(
      "\nThe Applications of stack prod are at v2.1.8. The next pulumi up takes them to what it publishes.\n",
    );
    expect(status).toBe(0);
  });

  test("and only shows what a rollback would change", async () => {
    await putRelease(here);
    fakePulumi();
    const { stdout } = await release("rollback", "--to=v2.1.8", "--preview");
    expect(calls()).toBe(`preview --diff --stack prod ${applications}`);
    expect(stdout).toBe("");
  });

  test("to release, and what is recorded then is listed", async () => {
    await putRelease(here);
    fakePulumi();
    const { status, stdout } = await release("up");
    expect(calls()).toBe("up --stack prod --yes --skip-preview --suppress-outputs \n");
    expect(stdout).toMatch(/^\nrelease +date .*\nv2\.1\.8 /);
    expect(status).toBe(0);
  });

  test.each([["up"], ["rollback", "--to=v2.1.8"]])(
    "but not where there is no such stack by %s",
    async (...args) => {
      await putRelease(here);
      fakePulumi(0, "echo \"error: no stack named 'prod' found\" >&2; exit 255");
      const { status, stderr } = await release(...args);
      expect(stderr).toBe(
        'release: there is no stack "prod"; make it with: pulumi stack init prod\n',
      );
      expect(status).toBe(1);
      expect(existsSync("calls")).toBe(false);
    },
  );

  test.each([["up"], ["rollback", "--to=v2.1.8"]])(
    "and its failure is passed on by %s",
    async (...args) => {
      await putRelease(here);
      fakePulumi(3);
      const { status, stdout } = await release(...args);
      expect({ status, stdout }).toEqual({ status: 3, stdout: "" });
    },
  );
});

describe("wrong input", () => {
  test.each<[args: string[], message: string | RegExp]>([
    [["destroy"], /^"destroy" is not a command; there are up, list, check, rollback/],
    [
      ["rollback"],
      "name the release to go to, such as make rollback TO=v2.1.7; make releases lists them",
    ],
    [
      ["rollback", "--to=v9.9.9"],
      /^there is no release v9.9.9 in \S+\/shop\/releases; it has none$/,
    ],
    [
      ["bundle"],
      "name the release to put into a file, such as make bundle RELEASE=v2.1.8; make releases lists them",
    ],
    [
      ["load", "--file=no.tar"],
      'FILE is "no.tar", but must be a file that make bundle wrote, such as tinyolly-v2.1.8.tar',
    ],
    [
      ["promote", "--from=prod"],
      "name the stack to copy to, such as make promote FROM=local TO=prod (given: FROM=prod TO=)",
    ],
    [
      ["promote", "--to=prod", "--as=3.0"],
      'AS is "3.0", but must be a semantic version after a v, such as v2.2.0',
    ],
    [["chart-version", "--chart=x"], 'CHART is "x", but must be one of tinyolly, tinyolly-demos'],
    [
      ["chart-version", "--chart=tinyolly", "--version=v1"],
      'VERSION is "v1", but must be a semantic version without build metadata, such as 0.3.1',
    ],
    [
      ["check", "--release=2.1"],
      'RELEASE is "2.1", but must be a semantic version after a v, such as v2.1.9',
    ],
    [["list", "--stack=none"], /^there is no Pulumi.none.yaml/],
    [["list", "--stak=prod"], /Unknown option '--stak'/],
  ])("%j", async (args, message) => {
    const { status, stdout, stderr } = await release(...args);
    expect(stdout).toBe("");
    if (typeof message === "string") expect(stderr).toBe(`release: ${message}\n`);
    else expect(stderr.replace(/^release: /, "").trimEnd()).toMatch(message);
    expect(status).toBe(1);
    expect(writes(here)).toEqual([]);
  });

  test("a target of load", async () => {
    writeFileSync("a.tar", "");
    for (const target of [[], ["--registry=host"], ["--registry=host/ns", "--stack=airgap"]]) {
      const { stderr } = await release("load", "--file=a.tar", ...target);
      expect(stderr).toMatch(
        /^release: name where it goes: STACK=… for the registry of a stack, or REGISTRY=/,
      );
    }
    const { stderr } = await release("load", "--file=a.tar", "--registry=host/ns", "--tls=none");
    expect(stderr).toBe(
      'release: TLS is "none", but must be one of verify, skip-verify, plain-http\n',
    );
  });
});

test("chart-version sets the version in Chart.yaml, and changes nothing else there", async () => {
  const chart =
    'apiVersion: v2\n# kept\nname: tinyolly\nversion: 0.2.0 # now\nappVersion: "2.1.0"\n';
  writeFiles(".", { "charts/tinyolly/Chart.yaml": chart });
  const { stdout, status } = await release("chart-version", "--chart=tinyolly", "--version=0.2.1");
  expect(stdout).toBe("charts/tinyolly/Chart.yaml: version 0.2.0 → 0.2.1\n");
  expect(status).toBe(0);
  expect(readFileSync("charts/tinyolly/Chart.yaml", "utf8")).toBe(
    chart.replace("version: 0.2.0 # now", "version: 0.2.1"),
  );
});
