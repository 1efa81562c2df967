import { expect, test } from "vitest";
import { readyPart } from "../../bench/ready-part.ts";

test.each([
  ["[3/27] buildkitd 0.34.2: ready after 1:52", "buildkitd 0.34.2"],
  ["started kube-apiserver on https://127.0.0.1:6443 in 2.7 s", "kube-apiserver"],
  ["[2/5] base image library/node:24-alpine: made in 15 s", "base image library/node:24-alpine"],
  ["platform is up; Pulumi plugins: command 1.2.1 (stand-in)", "platform"],
  ["[2/5] base image library/node:24-alpine: making it from Debian forky", undefined],
  ["tools: 4 of 27 programs, 1590 of 5600 packages, 2:00; about 5:03 left", undefined],
])("the line %j says that %j is ready", (line, part) => {
  expect(readyPart(line)).toBe(part);
});
