import { spawnSync } from "node:child_process";
import { isOnPath } from "./tools/find.ts";

/** Prints the address of a page, and opens it where there is a desktop. */
export function openPage(address: string): void {
  process.stdout.write(`${address}\n`);
  const { DISPLAY = "", WAYLAND_DISPLAY = "" } = process.env;
  if (process.stdout.isTTY && `${DISPLAY}${WAYLAND_DISPLAY}` !== "" && isOnPath("xdg-open"))
    spawnSync("xdg-open", [address], { stdio: "ignore" });
}
