import { beforeEach, expect, test } from "vitest";
import { InputError } from "../../../delivery/basics/input-error.ts";
import { readWait, waitFile, writeWait } from "../../../delivery/rollout/wait-settings.ts";
import { enterFolderWith } from "../../folders.ts";

beforeEach(() => {
  enterFolderWith({});
});

test("a wait is read as it was written last, for each stack and Application", () => {
  const file = waitFile("prod", "shop");
  writeWait(file, { waitSeconds: 1, kubeconfig: "my config" });
  writeWait(waitFile("local", "shop"), { waitSeconds: 2 });
  expect(readWait(file)).toEqual({ waitSeconds: 1, kubeconfig: "my config" });
  writeWait(file, { waitSeconds: 3 });
  expect(readWait(file)).toEqual({ waitSeconds: 3 });
});

test("a wait that nobody wrote is an error with its cure", () => {
  expect(() => readWait("wait.json")).toThrow(
    new InputError("wait.json does not say how long to wait; run pulumi up, which writes it"),
  );
});
