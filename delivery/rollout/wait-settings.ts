import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { InputError } from "../basics/input-error.ts";

/** How an Application is waited for. A change of it is no reason to wait again, so it is no input of the command that waits. */
export interface Wait {
  readonly waitSeconds: number;
  /** Path of the kubeconfig; left out means KUBECONFIG or ~/.kube/config. */
  readonly kubeconfig?: string | undefined;
}

/** Path of the file that hands a wait over; the same in each run. */
export function waitFile(stack: string, application: string): string {
  return join(".tinyolly", "waits", stack, `${application}.json`);
}

/** Writes how to wait, before the command that reads it can run. */
export function writeWait(file: string, { waitSeconds, kubeconfig }: Wait): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ waitSeconds, kubeconfig })}\n`);
}

/**
 * Reads how to wait.
 *
 * @throws InputError when nobody has written it.
 */
export function readWait(file: string): Wait {
  try {
    // Only the function above writes it.
    return JSON.parse(readFileSync(file, "utf8")) as Wait;
  } catch {
    throw new InputError(`${file} does not say how long to wait; run pulumi up, which writes it`);
  }
}
