import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { publicKeyOf } from "./verify-signature.ts";
import { cosignReason } from "./cosign.ts";
import { installTools } from "./run-tool.ts";
import type { KeySigning, Signing } from "./signing.ts";
import { type SigningTool, signingTools } from "./tools.ts";

const dayMs = 24 * 60 * 60 * 1000;

/**
 * Says why signing would fail, and what to do, before anything is built; undefined when it would not, or where nothing
 * is signed. The key is read once, so that a wrong password is found here.
 *
 * @param toolsProvided Whether cosign and syft will be there when they are needed; a key is only read where they are by now.
 */
export function signingProblem(
  signing: Signing | undefined,
  env: NodeJS.ProcessEnv,
  toolsProvided = false,
): string | undefined {
  if (!signing) return undefined;
  // Tools are quickly had, unlike what signs.
  const absent = signing.kind === "key" ? absentKey(signing, env) : identityProblem(env);
  if (absent !== undefined) return absent;
  for (const tool of signingTools) {
    const problem = toolProblem(tool, env);
    if (problem !== undefined) return toolsProvided ? undefined : problem;
  }
  return signing.kind === "key" ? wrongKey(signing, env) : undefined;
}

/**
 * Says that this machine's clock is wrong: more than a day before `newerThan`, such as the time of the newest commit.
 * Signatures by key do not depend on it, but certificates of registries and Sigstore's own do.
 */
export function clockProblem(now: Date, newerThan: Date): string | undefined {
  if (now.getTime() >= newerThan.getTime() - dayMs) return undefined;
  return (
    `the clock says ${now.toISOString()}, but the newest commit is of ${newerThan.toISOString()}; ` +
    `set it (timedatectl set-ntp true)`
  );
}

function toolProblem(
  { name, version, accepts }: SigningTool,
  env: NodeJS.ProcessEnv,
): string | undefined {
  const { error, stdout, stderr } = spawnSync(name, accepts.args, { env, encoding: "utf8" });
  if (error) return `${name} is not on PATH, and signing needs it; ${installTools}`;
  const said = `${stdout}${stderr}`;
  if (accepts.pattern.test(said)) return undefined;
  const found = /\bv?\d+\.\d+\.\d+\S*/.exec(said)?.[0] ?? "of an unknown version";
  return `${name} on PATH is ${found}, and signing needs one like ${version}; ${installTools}`;
}

function absentKey({ key }: KeySigning, env: NodeJS.ProcessEnv): string | undefined {
  const variable = /^env:\/\/(.+)$/.exec(key)?.[1];
  if (variable !== undefined && (env[variable] ?? "") === "") {
    return `"signingKey" is "${key}", but ${variable} is not set; put the private key there, as cosign generate-key-pair writes it`;
  }
  if (variable === undefined && !isService(key) && !existsSync(key)) {
    return `"signingKey" is "${key}", but there is no such file; make a pair with cosign generate-key-pair, or name another one`;
  }
  if (!isService(key) && env["COSIGN_PASSWORD"] === undefined) {
    return `COSIGN_PASSWORD is not set; it must hold the password of "${key}", and be empty where that has none`;
  }
  return undefined;
}

function isService(key: string): boolean {
  return /^(?!env:)\w+:\/\//.test(key);
}

function wrongKey({ key, publicKey }: KeySigning, env: NodeJS.ProcessEnv): string | undefined {
  const run = spawnSync("cosign", ["public-key", `--key=${key}`], {
    env,
    encoding: "utf8",
    input: "",
  });
  if (run.status !== 0) {
    const cure = isService(key)
      ? "its address, and that this machine may use it"
      : "it and COSIGN_PASSWORD";
    return `cosign cannot read the key "${key}" (${cosignReason(run.stderr)}); check ${cure}`;
  }
  if (!existsSync(publicKey)) return undefined;
  const own = publicKeyOf(run.stdout);
  const known = publicKeyOf(readFileSync(publicKey, "utf8"));
  if (own && known?.equals(own)) return undefined;
  return `"signingPublicKey" is "${publicKey}", which does not belong to "${key}"; write it anew: cosign public-key --key ${key} > ${publicKey}`;
}

function identityProblem(env: NodeJS.ProcessEnv): string | undefined {
  const has = (name: string): boolean => (env[name] ?? "") !== "";
  const inWorkflow = has("ACTIONS_ID_TOKEN_REQUEST_URL") && has("ACTIONS_ID_TOKEN_REQUEST_TOKEN");
  if (inWorkflow || has("SIGSTORE_ID_TOKEN")) return undefined;
  return (
    `"signing" is "keyless", but there is no identity to sign with; run it in a GitHub workflow that has ` +
    `"permissions: id-token: write", put a token into SIGSTORE_ID_TOKEN, or sign with a key: pulumi config set signing key`
  );
}
