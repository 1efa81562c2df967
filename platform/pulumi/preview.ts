import { variable } from "../../delivery/basics/variable.ts";
import { previewChanges } from "../report/preview-changes.ts";
import { runPulumi } from "./shell.ts";

/** Previews a stack, in few words or, with VERBOSE, in Pulumi's own; resolves to its exit code. */
export async function runPreview(stack: string): Promise<number> {
  const args = ["preview", "--stack", stack];
  if (variable(process.env, "TINYOLLY_VERBOSE") !== undefined)
    return runPulumi([...args, "--diff"]);
  let printed = "";
  const status = await runPulumi([...args, "--json"], {}, (part) => {
    printed += part;
  });
  process.stdout.write(previewChanges(printed));
  return status;
}
