import { describe, expect, it } from "vitest";
import { encryptedKeys, openSecrets } from "../../../delivery/settings/open-secrets.ts";

describe("secrets of a configuration", () => {
  const configuration = { "tinyolly:registryToken": "t", "tinyolly:namespace": "shop" };

  it("are accepted where they are encrypted", () => {
    const env = { PULUMI_CONFIG_SECRET_KEYS: '["tinyolly:registryToken"]' };
    expect(openSecrets(configuration, encryptedKeys(env))).toEqual([]);
  });

  it.each([{}, { PULUMI_CONFIG_SECRET_KEYS: "[]" }, { PULUMI_CONFIG_SECRET_KEYS: "none" }])(
    "are refused in the clear, without a word of them (%j)",
    (env) => {
      expect(openSecrets(configuration, encryptedKeys(env))).toEqual([
        '"registryToken" is in the clear; change it where it is made, and set the new one with: pulumi config set --secret registryToken …',
      ]);
    },
  );

  it("need not be set", () => {
    expect(openSecrets({ "tinyolly:namespace": "shop" }, encryptedKeys({}))).toEqual([]);
  });
});
