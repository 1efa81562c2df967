import { describe, expect, test } from "vitest";
import { baseImages, parseDockerfile, syntaxImage } from "../../components/dockerfile";

describe("stages", () => {
  test("names, platforms and arguments are read", () => {
    const text = [
      "# syntax is a comment",
      "ARG VERSION=3.14",
      "FROM --platform=$BUILDPLATFORM python:${VERSION}-slim AS Build",
      "RUN echo \\",
      "  # a comment in between",
      "  two",
      "FROM build as test",
      "FROM scratch",
      "COPY --from=build /a /b",
    ].join("\n");
    const stages = parseDockerfile("Dockerfile", text);
    expect(stages).toEqual([
      { from: "python:3.14-slim", name: "build" },
      { from: "build", name: "test" },
      { from: "scratch", name: undefined },
    ]);
    expect(baseImages(stages)).toEqual(["python:3.14-slim"]);
  });

  test("a build argument replaces the default", () => {
    const stages = parseDockerfile("Dockerfile", "ARG BASE=a\nFROM ${BASE}\n", { BASE: "b" });
    expect(baseImages(stages)).toEqual(["b"]);
  });

  test("a default stands where an argument is empty", () => {
    expect(baseImages(parseDockerfile("Dockerfile", "ARG TAG\nFROM a:${TAG:-1}\n"))).toEqual([
      "a:1",
    ]);
  });

  test("heredocs are no instructions", () => {
    const text = "FROM a\nRUN <<EOF\nnot an instruction\nEOF\nCOPY <<-'X' /f\n\tbody\n\tX\n";
    expect(parseDockerfile("Dockerfile", text)).toHaveLength(1);
  });

  test("the escape directive is heeded", () => {
    expect(parseDockerfile("Dockerfile", "# escape=`\nFROM a\nRUN one `\n  two\n")).toHaveLength(1);
  });
});

test.each([
  [
    "an unknown instruction",
    "FROM a\n\nRUNN b\n",
    'Dockerfile:3: "RUNN" is not a Dockerfile instruction; allowed are ADD, ARG, CMD',
  ],
  [
    "an instruction before FROM",
    "RUN a\nFROM b\n",
    "Dockerfile:1: RUN stands before the first FROM; only ARG may",
  ],
  [
    "no FROM",
    "ARG A=1\n",
    "Dockerfile has no FROM; a Dockerfile starts from an image or from scratch",
  ],
  [
    "an odd FROM",
    "FROM a b c\n",
    'Dockerfile:1: "FROM a b c" is not of the form FROM [--platform=…] image [AS name]',
  ],
  ["an instruction without argument", "FROM a\nCOPY\n", "Dockerfile:2: COPY has no argument"],
  [
    "a heredoc without end",
    "FROM a\nRUN <<EOF\nx\n",
    'Dockerfile:2: the heredoc EOF has no end; close it by a line "EOF"',
  ],
])("%s is refused with its line", (_, text, message) => {
  expect(() => parseDockerfile("Dockerfile", text)).toThrow(message);
});

test.each([
  ["# syntax=docker/dockerfile:1\nFROM a\n", "docker/dockerfile:1"],
  ["# escape=`\n# syntax = docker/dockerfile:1.7\nFROM a\n", "docker/dockerfile:1.7"],
  ["FROM a\n# syntax=docker/dockerfile:1\n", undefined],
  ["FROM a\n", undefined],
])("%j asks for the frontend %s", (text, frontend) => {
  expect(syntaxImage(text)).toBe(frontend);
});
