import { expect, test } from "vitest";
import { allWell } from "../../../platform/pulumi/rollouts.ts";

test.each([
  ["Synced Healthy\nSynced Healthy\n", true],
  ["", true],
  ["Synced Healthy\nSynced Progressing\n", false],
  ["OutOfSync Healthy\n", false],
  // One that Argo CD has not looked at yet.
  [" \n", false],
])("of the states %j all are well: %s", (states, well) => {
  expect(allWell(states)).toBe(well);
});
