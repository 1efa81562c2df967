import { expect, test } from "vitest";
import { runTool } from "../../../platform/machine/run.ts";

test("a program that is not there is named", async () => {
  await expect(runTool("tinyolly-no-such-tool", [])).rejects.toThrow(
    /^tinyolly-no-such-tool failed:\n.*tinyolly-no-such-tool.*(?:ENOENT|No such file)/,
  );
});
