import { copyFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { InputError } from "../../../delivery/basics/input-error.ts";
import {
  hasSecret,
  readStackConfiguration,
} from "../../../delivery/settings/stack-configuration.ts";
import { enterFolderWith, writeFiles } from "../../folders.ts";
import { handedOver, stackConfig } from "../../stacks.ts";

const project = resolve(import.meta.dirname, "../../..");

beforeEach(() => {
  enterFolderWith({
    "Pulumi.yaml": [
      "name: tinyolly",
      "config:",
      "  builder: {type: string, default: smith}",
      "  platforms: {type: array, items: {type: string}, default: [linux/amd64]}",
      "  deploy: {type: boolean, default: true}",
      "  waitSeconds: {type: integer, default: 0}",
      "  builderNodes: {type: array, items: {type: object}, default: []}",
      "  chartValues: {type: object, default: {}}",
      '  release: {type: string, default: ""}',
    ].join("\n"),
  });
});

describe("a stack's configuration", () => {
  test("has the project's defaults below the stack's own values, all but text as JSON", () => {
    writeFiles(".", {
      "Pulumi.moon.yaml": [
        "encryptionsalt: v1:abc",
        "config:",
        "  tinyolly:builder: other",
        "  tinyolly:deploy: false",
        "  tinyolly:chartValues: {shop: {replicas: 2}}",
        "  kubernetes:context: far",
      ].join("\n"),
    });
    expect(readStackConfiguration("moon", {})).toEqual({
      "tinyolly:builder": "other",
      "tinyolly:platforms": '["linux/amd64"]',
      "tinyolly:deploy": "false",
      "tinyolly:waitSeconds": "0",
      "tinyolly:builderNodes": "[]",
      "tinyolly:release": "",
      "tinyolly:chartValues": '{"shop":{"replicas":2}}',
      "kubernetes:context": "far",
    });
  });

  test.each(["", "encryptionsalt: v1:abc\n", "config:\n", "config: {}\n"])(
    "of a file without values (%j) is the defaults",
    (text) => {
      writeFiles(".", { "Pulumi.moon.yaml": text });
      expect(readStackConfiguration("moon", {})).toHaveProperty("tinyolly:builder", "smith");
    },
  );

  test("comes from the file that Pulumi is told to use", () => {
    writeFiles(".", { "elsewhere.yaml": "config: {tinyolly:builder: far}\n" });
    const env = { PULUMI_OPTION_CONFIG_FILE: "elsewhere.yaml" };
    expect(readStackConfiguration("moon", env)).toHaveProperty("tinyolly:builder", "far");
    writeFiles(".", { "Pulumi.moon.yaml": "config: {tinyolly:builder: near}\n" });
    const none = { PULUMI_OPTION_CONFIG_FILE: "" };
    expect(readStackConfiguration("moon", none)).toHaveProperty("tinyolly:builder", "near");
  });

  test.each([
    ["builder", "", ""],
    ["builder", "3", "3"],
    ["deploy", '"false"', "false"],
    ["waitSeconds", '"+30"', "+30"],
    ["waitSeconds", "12.0", "12"],
    ["platforms", "[]", "[]"],
    ["builderNodes", "[{endpoint: a}]", '[{"endpoint":"a"}]'],
    ["chartValues", "{shop: null}", '{"shop":null}'],
  ])("of other forms that Pulumi takes (%s: %s) is as it hands them over", (key, text, value) => {
    writeFiles(".", { "Pulumi.moon.yaml": `config:\n  tinyolly:${key}: ${text}\n` });
    expect(readStackConfiguration("moon", {})).toHaveProperty(`tinyolly:${key}`, value);
  });

  test.each(["local", "prod"] as const)("of the stack %s is what Pulumi hands over", (stack) => {
    for (const file of ["Pulumi.yaml", `Pulumi.${stack}.yaml`])
      copyFileSync(join(project, file), file);
    expect(readStackConfiguration(stack, {})).toEqual(handedOver(stackConfig(stack)));
  });
});

test("the secret token is left out, and can be seen to be there", () => {
  writeFiles(".", {
    "Pulumi.moon.yaml": "config: {tinyolly:registryToken: {secure: v1:abc}}\n",
    "Pulumi.mars.yaml": "config: {}\n",
  });
  expect(readStackConfiguration("moon", {})).not.toHaveProperty("tinyolly:registryToken");
  expect(hasSecret("moon", "registryToken", {})).toBe(true);
  expect(hasSecret("mars", "registryToken", {})).toBe(false);
});

describe("a configuration that cannot be read is refused:", () => {
  test.each<[what: string, files: Readonly<Record<string, string>>, message: string]>([
    [
      "there is no file",
      {},
      "there is no Pulumi.moon.yaml; make the stack with pulumi stack init moon, or name another one with STACK=…",
    ],
    [
      "the token is not encrypted",
      { "Pulumi.moon.yaml": "config: {tinyolly:registryToken: s3cret}\n" },
      'Pulumi.moon.yaml: "registryToken" is in the clear; change it where it is made, and set the new one with: ' +
        "pulumi config set --secret registryToken …",
    ],
    [
      "a value is encrypted",
      { "Pulumi.moon.yaml": "config: {tinyolly:builder: {secure: v1:abc}}\n" },
      '"tinyolly:builder" in Pulumi.moon.yaml is encrypted, which explain cannot read; ' +
        "use pulumi preview --diff, or set it without --secret",
    ],
  ])("%s", (_, files, message) => {
    writeFiles(".", files);
    expect(() => readStackConfiguration("moon", {})).toThrow(new InputError(message));
  });

  test.each([
    ["builder", "[a]", `["a"], but must be a text; set it with: pulumi config set builder …`],
    [
      "deploy",
      '"yes"',
      `"yes", but must be true or false; set it with: pulumi config set deploy …`,
    ],
    ["deploy", "1", "1, but must be true or false; set it with: pulumi config set deploy …"],
    ["deploy", "null", "null, but must be true or false; set it with: pulumi config set deploy …"],
    [
      "waitSeconds",
      "1.5",
      "1.5, but must be a whole number; set it with: pulumi config set waitSeconds …",
    ],
    [
      "waitSeconds",
      '" 3"',
      `" 3", but must be a whole number; set it with: pulumi config set waitSeconds …`,
    ],
    ...[
      ["null", "null"],
      ["linux/amd64", '"linux/amd64"'],
      [`'["linux/amd64"]'`, `"[\\"linux/amd64\\"]"`],
      ["[1]", "[1]"],
      ["[null]", "[null]"],
      ["{}", "{}"],
    ].map(([text = "", shown = ""]): [string, string, string] => [
      "platforms",
      text,
      `${shown}, but must be a list of texts; set it with: pulumi config set --path 'platforms[0]' …`,
    ]),
    [
      "builderNodes",
      "[a]",
      `["a"], but must be a list of maps; set it with: pulumi config set --path 'builderNodes[0].…' …`,
    ],
    [
      "chartValues",
      "null",
      "null, but must be a map; set it with: pulumi config set --path 'chartValues.…' …",
    ],
    [
      "chartValues",
      "[]",
      "[], but must be a map; set it with: pulumi config set --path 'chartValues.…' …",
    ],
  ])("the value has another type than the declared one (%s: %s)", (key, text, said) => {
    writeFiles(".", { "Pulumi.moon.yaml": `config:\n  tinyolly:${key}: ${text}\n` });
    expect(() => readStackConfiguration("moon", {})).toThrow(
      new InputError(`"${key}" in Pulumi.moon.yaml is ${said}`),
    );
  });

  test("several values have other types", () => {
    writeFiles(".", {
      "Pulumi.moon.yaml":
        "config: {tinyolly:deploy: maybe, tinyolly:other: 1, tinyolly:platforms: 3}\n",
    });
    expect(() => readStackConfiguration("moon", {})).toThrow(
      new InputError(
        `"deploy" in Pulumi.moon.yaml is "maybe", but must be true or false; set it with: pulumi config set deploy …\n` +
          `"platforms" in Pulumi.moon.yaml is 3, but must be a list of texts; ` +
          `set it with: pulumi config set --path 'platforms[0]' …`,
      ),
    );
  });

  test("it is no YAML", () => {
    writeFiles(".", { "Pulumi.moon.yaml": "config: {" });
    expect(() => readStackConfiguration("moon", {})).toThrow(
      /^Pulumi\.moon\.yaml is not valid YAML: /,
    );
  });
});
