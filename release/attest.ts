/**
 * Signs and describes what was published: `node --require ./run-typescript.cjs release/attest.ts < request.json`.
 *
 * Reads a {@link TrustRequest} from standard input, attaches what is missing, and prints a {@link TrustResult} as one
 * line, which is the same when nothing was missing. What it does goes to standard error. The key's password comes from
 * COSIGN_PASSWORD, credentials of the registry from Docker's configuration.
 */
import { readFileSync } from "node:fs";
import { runMain } from "../components/command-line";
import { RegistryClient } from "../components/registry-client";
import { type TrustRequest, attachTrust } from "./trust";

async function main(): Promise<number> {
  // Its caller writes exactly this type.
  const request = JSON.parse(readFileSync(0, "utf8")) as TrustRequest;
  const reader = new RegistryClient(request.registry);
  try {
    const log = (line: string): void => {
      process.stderr.write(`${line}\n`);
    };
    const result = await attachTrust(request, { reader, env: process.env, log });
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return 0;
  } finally {
    reader.close();
  }
}

runMain("attest", main);
