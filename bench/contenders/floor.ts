import { join } from "node:path";
import type { Contender } from "../contender.ts";
import { replaceProgram } from "../replace-program.ts";
import { Stack } from "../stack.ts";
import type { Workplace } from "../workplace.ts";

/** An empty Pulumi program: what no program can go below. */
export function floor(workplace: Workplace, checkout: string): Contender {
  const name = "floor";
  replaceProgram(checkout, name);
  const stack = new Stack(checkout, join(workplace.folder, "state", name), workplace.env);
  return {
    name,
    checkout,
    deliver: () => stack.up,
    preview: stack.preview,
    forget: () => stack.renew(),
    remove: () => Promise.resolve(),
  };
}
