import { join } from "node:path";
import { handOver, readHandedOver } from "../basics/handed-over.ts";

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

/** Writes how to wait. */
export function writeWait(file: string, { waitSeconds, kubeconfig }: Wait): void {
  handOver(file, { waitSeconds, kubeconfig });
}

/**
 * Reads how to wait.
 *
 * @throws InputError when nobody has written it.
 */
export function readWait(file: string): Wait {
  // Only the function above writes it.
  return readHandedOver(file, "how long to wait") as Wait;
}
