import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import {
  kindEnvironment,
  nodeImage,
  readKindSettings,
  uiAddress,
} from "../../../platform/kind/settings.ts";
import { PlatformError, compileCache, project } from "../../../platform/settings.ts";
import { pulumiVersion } from "../../../platform/tools/catalog.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

test("state is apart from the embedded platform's, unless it is named", () => {
  expect(readKindSettings({}).state).toBe(join(project, ".tinyolly/kind"));
  expect(readKindSettings({ TINYOLLY_STATE: "/state" }).state).toBe("/state");
});

test("the web UI has the port that it has without kind", () => {
  expect(uiAddress).toBe("http://127.0.0.1:5002");
});

test("the node's image is kind's own, unless another one is named", () => {
  expect(nodeImage({})).toBeUndefined();
  expect(nodeImage({ TINYOLLY_KIND_IMAGE: "" })).toBeUndefined();
  const image = "mirror.example/kindest/node:v1.36.1";
  expect(nodeImage({ TINYOLLY_KIND_IMAGE: image })).toBe(image);
});

test("a shell gets exactly these variables", () => {
  vi.stubEnv("PATH", "/usr/bin:/bin");
  vi.stubEnv("PULUMI_HOME", "/home");
  expect(kindEnvironment(readKindSettings({ TINYOLLY_STATE: "/state" }))).toEqual({
    PULUMI_HOME: "/home",
    PULUMI_BACKEND_URL: "file:///state/pulumi?metadata=skip",
    PULUMI_CONFIG_PASSPHRASE: "",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    NODE_COMPILE_CACHE: compileCache,
    BUILDX_CONFIG: "/state/buildx",
    KUBECONFIG: "/state/kubeconfig",
    PATH: `/home/versions/${pulumiVersion}/bin:/usr/bin:/bin`,
  });
});

test("the state's address is right for every folder", () => {
  expect(kindEnvironment(readKindSettings({ TINYOLLY_STATE: "/50% #1?" }))).toMatchObject({
    PULUMI_BACKEND_URL: "file:///50%25%20%231%3F/pulumi?metadata=skip",
  });
});

test.each([
  ["TINYOLLY_PORT_REGISTRY_TLS", 49443],
  ["TINYOLLY_PORT_REGISTRY", 30500],
  ["TINYOLLY_PORT_REGISTRY_IN_CLUSTER", 5000],
  ["TINYOLLY_PORT_UI", 5002],
])("another %s is refused", (variable, port) => {
  expect(() => readKindSettings({ [variable]: "40123" })).toThrow(
    new PlatformError(
      `${variable} is 40123, but with PLATFORM=kind it is always ${port}; unset it`,
    ),
  );
});

test("moved ports are refused, and no offset moves none", () => {
  expect(readKindSettings({ TINYOLLY_PORT_OFFSET: "0" })).toEqual(readKindSettings({}));
  expect(() => readKindSettings({ TINYOLLY_PORT_OFFSET: "100" })).toThrow(
    new PlatformError(
      "TINYOLLY_PORT_OFFSET is 100, but with PLATFORM=kind ports cannot be moved; unset it",
    ),
  );
});

test("a rehearsal is refused", () => {
  expect(() => readKindSettings({ TINYOLLY_REHEARSAL: "1" })).toThrow(
    new PlatformError(
      "TINYOLLY_REHEARSAL is 1, but only the embedded platform rehearses releases; unset it, or PLATFORM",
    ),
  );
});
