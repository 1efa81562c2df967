// Stands in for docker, kind, kubectl and pulumi with scripts that note their arguments: what the real ones do with
// them is not shown here.
import { chmodSync, existsSync, readFileSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { examineKind } from "../../../platform/kind/doctor.ts";
import { upSteps } from "../../../platform/kind/plan.ts";
import { kindDown, kindReset, kindStatus, kindUp } from "../../../platform/kind/platform.ts";
import { shownSecrets } from "../../../platform/kind/secrets.ts";
import { readKindSettings } from "../../../platform/kind/settings.ts";
import { PlatformError, type PlatformSettings } from "../../../platform/settings.ts";
import { folderWith, writeFiles } from "../../folders.ts";

const hosts = vi.hoisted(() => ({ nameRegistry: vi.fn(), forgetRegistry: vi.fn() }));
// The machine's own /etc/hosts is nothing to try things on.
vi.mock("../../../platform/machine/hosts.ts", () => hosts);
// It would install what is missing, and is tried elsewhere.
vi.mock("../../../platform/pulumi/provide.ts", async (original) => ({
  ...(await original<typeof import("../../../platform/pulumi/provide.ts")>()),
  providePulumi: vi.fn(),
}));
// The real CLI is first on PATH, and must not be asked.
vi.mock("../../../platform/kind/settings.ts", async (original) => {
  const actual = await original<typeof import("../../../platform/kind/settings.ts")>();
  return {
    ...actual,
    kindEnvironment: (settings: PlatformSettings) => ({
      ...actual.kindEnvironment(settings),
      PATH: process.env["PATH"],
    }),
  };
});

const note = '#!/bin/sh\necho "${0##*/} $*" >> "$CALLS"\n';
const scripts = {
  docker: `${note}case "$1 $2" in
"version --format={{.Server.Version}}") [ -z "$REFUSAL" ] && echo 29.1.0 || { echo "$REFUSAL" >&2; exit 1; } ;;
"container inspect") cat "$MADE" 2> /dev/null ;;
"exec buildx_buildkit_tinyolly0" | "exec tinyolly-control-plane") [ -f "$MADE" ] ;;
"buildx inspect") [ "$3" = --bootstrap ] || [ -f "$MADE" ] ;;
esac`,
  kind: `${note}case "$1" in
version) echo "kind $KIND_VERSION go1.27.3 linux/amd64" ;;
create) echo 1f2e > "$MADE" ;;
get) echo 'contexts: [{name: kind-tinyolly}]' ;;
esac`,
  kubectl: note,
  pulumi: note,
  helm: `${note}[ "$1" = version ] && echo "$HELM_VERSION"`,
};

let folder = "";
let settings: PlatformSettings;
const ignore = (): void => undefined;

beforeEach(() => {
  folder = folderWith(
    Object.fromEntries(Object.entries(scripts).map(([name, text]) => [`bin/${name}`, text])),
  );
  for (const name of Object.keys(scripts)) chmodSync(join(folder, "bin", name), 0o755);
  vi.stubEnv("PATH", [join(folder, "bin"), process.env["PATH"]].join(delimiter));
  vi.stubEnv("CALLS", join(folder, "calls"));
  vi.stubEnv("MADE", join(folder, "made"));
  vi.stubEnv("REFUSAL", "");
  vi.stubEnv("KIND_VERSION", "v0.33.0");
  vi.stubEnv("HELM_VERSION", "v4.3.2");
  vi.clearAllMocks();
  settings = readKindSettings({ TINYOLLY_STATE: join(folder, "state") });
});

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Calls since the last time, without those that only ask. */
function calls(): string[] {
  const file = join(folder, "calls");
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  writeFiles(folder, { calls: "" });
  const asks =
    /^(docker (container inspect|buildx inspect tinyolly|version|exec \S+ (true|buildctl))|(kind|helm) version)/;
  return text.split("\n").filter((line) => line !== "" && !asks.test(line));
}

function planned(...leftOut: string[]): string[] {
  return upSteps(settings, shownSecrets)
    .filter(({ name }) => ![...leftOut, "cluster's record"].includes(name))
    .map(({ command }) => command.join(" "));
}

test("up does what its plan says, and a second up makes neither cluster nor builder", async () => {
  const lines: string[] = [];
  await kindUp(settings, (line) => lines.push(line));
  // The cluster's file stands for the builder as well in these scripts.
  expect(calls()).toEqual(planned("builder"));
  expect(hosts.nameRegistry).toHaveBeenCalledExactlyOnceWith(settings);
  expect(lines.at(-1)).toBe(
    `platform is up: kind cluster tinyolly, registry registry.tinyolly.test:49443, ` +
      `builder tinyolly, kubeconfig ${settings.state}/kubeconfig`,
  );
  expect(parse(readFileSync(join(settings.state, "kubeconfig"), "utf8"))).toEqual({
    contexts: [{ name: "tinyolly" }],
    "current-context": "tinyolly",
  });

  writeFiles(settings.state, { "pulumi/.pulumi/stacks/tinyolly/local.json": "{}" });
  await kindUp(settings, ignore);
  expect(calls()).toEqual(planned("builder", "cluster", "stack local"));
});

test("the registry's key and secret are made once, and for their owner only", async () => {
  const names = ["registry/tls.crt", "registry/tls.key", "secrets/registry-secret"];
  const read = (): string[] =>
    names.map((name) => readFileSync(join(settings.state, name), "utf8"));
  await kindUp(settings, ignore);
  const before = read();
  expect(before[0]).toContain("BEGIN CERTIFICATE");
  expect(before[1]).toContain("PRIVATE KEY");
  expect(before[2]).toMatch(/^[0-9a-f]{48}$/);
  for (const name of names.slice(1))
    expect(statSync(join(settings.state, name)).mode & 0o777).toBe(0o600);
  await kindUp(settings, ignore);
  expect(read()).toEqual(before);
});

test("down stops what there is, and keeps the data", async () => {
  await kindDown(settings, ignore);
  expect(calls()).toEqual([]);
  await kindUp(settings, ignore);
  calls();
  await kindDown(settings, ignore);
  expect(calls()).toEqual(["docker buildx stop tinyolly", "docker stop tinyolly-control-plane"]);
  expect(existsSync(settings.state)).toBe(true);
});

test("reset deletes cluster, builder and state", async () => {
  await kindUp(settings, ignore);
  calls();
  await kindReset(settings, ignore);
  expect(calls()).toEqual([
    "docker buildx rm tinyolly",
    `kind delete cluster --name=tinyolly --kubeconfig=${settings.state}/kubeconfig`,
  ]);
  expect(existsSync(settings.state)).toBe(false);
  if (process.getuid?.() === 0)
    expect(hosts.forgetRegistry).toHaveBeenCalledExactlyOnceWith(settings);
});

test("the status tells of each part", async () => {
  const health = (): string[] =>
    kindStatus(settings).map((part) => `${part.name} is ${part.health}`);
  const parts = ["kubernetes", "registry", "argocd", "builder"];
  expect(health()).toEqual(parts.map((name) => `${name} is stopped`));
  await kindUp(settings, ignore);
  expect(health()).toEqual(parts.map((name) => `${name} is ready`));
  writeFiles(folder, { "bin/kubectl": "#!/bin/sh\nexit 1\n" });
  expect(health()).toEqual([
    ...parts.slice(0, 3).map((name) => `${name} is not ready`),
    "builder is ready",
  ]);
});

test.each([
  [
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    "Docker is installed, but its engine does not run; start it, with sudo systemctl start docker on most systems",
  ],
  [
    "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
    "Docker refuses this user; run sudo usermod --append --groups docker $USER and log in again",
  ],
  [
    "client version 1.52 is too new",
    "Docker's engine does not answer; see to it that docker version tells the server's version",
  ],
])("where docker says %j, its cure is told before anything is made", async (said, cure) => {
  vi.stubEnv("REFUSAL", said);
  const message = `${cure}, or leave out PLATFORM=kind:\n${said}`;
  for (const command of [kindUp, kindDown, kindReset])
    await expect(command(settings, ignore)).rejects.toThrow(new PlatformError(message));
  expect(() => kindStatus(settings)).toThrow(new PlatformError(message));
  expect(calls()).toEqual([]);
  expect(existsSync(settings.state)).toBe(false);
});

test.each([
  ["KIND_VERSION", "v0.26.0", "kind on PATH is v0.26.0, but PLATFORM=kind needs 0.27 or newer"],
  ["HELM_VERSION", "v3.19.0", "helm on PATH is v3.19.0, but PLATFORM=kind needs 4.0 or newer"],
  ["KIND_VERSION", "", "kind version tells no version; PLATFORM=kind needs kind 0.27 or newer"],
])("with %s %j up says what is needed", async (variable, version, message) => {
  vi.stubEnv(variable, version);
  await expect(kindUp(settings, ignore)).rejects.toThrow(message);
  expect(calls()).toEqual([]);
  expect(existsSync(settings.state)).toBe(false);
});

test("a cluster of the same name that was made elsewhere is neither used, stopped nor deleted", async () => {
  writeFiles(folder, { made: "a90c\n" });
  await expect(kindUp(settings, ignore)).rejects.toThrow(
    new PlatformError(
      `Docker has a kind cluster tinyolly that was not made here (${settings.state} does not know it), or was never finished; ` +
        "use it from the checkout that made it, or delete it: kind delete cluster --name=tinyolly",
    ),
  );
  await kindDown(settings, ignore);
  const lines: string[] = [];
  await kindReset(settings, (line) => lines.push(line));
  expect(lines).toContain("the kind cluster tinyolly was not made here, and stays");
  expect(kindStatus(settings).map(({ health }) => health)).toEqual(Array(4).fill("stopped"));
  expect(calls()).toEqual([]);
});

test("doctor tells of engine, versions and cluster, and changes nothing", async () => {
  const found = (): Record<string, string> =>
    Object.fromEntries(
      examineKind(settings)
        .filter(({ what }) => ["Docker's engine", "versions", "cluster", "kind"].includes(what))
        .map(({ what, state, found: text }) => [what, `${state}: ${text}`]),
    );
  const kind = `fine: 0.33.0 in ${join(folder, "bin")}`;
  const engine = { "Docker's engine": "fine: answers as version 29.1.0", kind };
  const versions = "fine: new enough";
  expect(found()).toEqual({ ...engine, versions, cluster: "fine: 0 of 4 parts run" });
  expect(existsSync(settings.state)).toBe(false);
  await kindUp(settings, ignore);
  calls();
  expect(found()).toEqual({ ...engine, versions, cluster: "fine: 4 of 4 parts run" });
  expect(calls().filter((line) => !/^kubectl (.* (get|wait)|version) /.test(line))).toEqual([
    "docker --version",
  ]);
  vi.stubEnv("HELM_VERSION", "v3.19.0");
  expect(found()["versions"]).toMatch(/^missing: helm on PATH is v3\.19\.0, /);
  writeFiles(folder, { made: "a90c\n" });
  expect(found()["cluster"]).toMatch(/^missing: Docker has a kind cluster tinyolly that was not /);
  vi.stubEnv("REFUSAL", "permission denied");
  expect(Object.keys(found())).toEqual(["kind", "Docker's engine"]);
  expect(found()["Docker's engine"]).toMatch(/^missing: Docker refuses this user; run sudo /);
});

test("programs that are missing are all named, before anything is made", async () => {
  vi.stubEnv("PATH", join(folder, "none"));
  const failure = await kindUp(settings, ignore).catch((error: unknown) => error);
  expect(failure).toEqual(
    new PlatformError(
      "PLATFORM=kind needs on PATH: docker (https://docs.docker.com/engine/install, with its buildx plugin), " +
        "kind (0.27 or newer, https://kind.sigs.k8s.io), kubectl (https://kubernetes.io/docs/tasks/tools), " +
        "helm (version 4, https://helm.sh/docs/intro/install), openssl (from your system's packages); " +
        "install what is missing, or leave out PLATFORM=kind for the embedded platform",
    ),
  );
  expect(existsSync(settings.state)).toBe(false);
});
