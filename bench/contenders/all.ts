import { join } from "node:path";
import { copyCheckout } from "../checkout.ts";
import type { Contender } from "../contender.ts";
import type { Workplace } from "../workplace.ts";
import { dockerBuild } from "./docker-build.ts";
import { floor } from "./floor.ts";
import { type Ours, ours } from "./ours.ts";
import { shell } from "./shell.ts";

/** Contenders by what they stand for. */
export type Contenders = Readonly<
  Record<"bake" | "skaffold" | "scripts" | "dockerBuild" | "floor", Contender> & { ours: Ours }
>;

/** Makes all contenders, each with a clone of the sources. Nothing is delivered yet. */
export async function makeContenders(workplace: Workplace): Promise<Contenders> {
  const checkout = async (name: string): Promise<string> => {
    const folder = join(workplace.folder, name);
    await copyCheckout(workplace.project, folder);
    return folder;
  };
  return {
    ours: ours(workplace, await checkout("ours")),
    bake: shell(workplace, await checkout("bake"), "bake"),
    skaffold: shell(workplace, await checkout("skaffold"), "skaffold", "dry-run"),
    scripts: shell(workplace, await checkout("scripts"), "scripts"),
    dockerBuild: dockerBuild(workplace, await checkout("docker-build")),
    floor: floor(workplace, await checkout("floor")),
  };
}
