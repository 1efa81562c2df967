import { describe, expect, test } from "vitest";
import {
  baseImages,
  parseDockerfile,
  pinSyntax,
  syntaxImage,
} from "../../../delivery/sources/dockerfile.ts";

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
      { from: "python:3.14-slim", name: "build", platform: "$BUILDPLATFORM", sources: [] },
      { from: "build", name: "test", sources: [] },
      { from: "scratch", name: undefined, sources: ["build"] },
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

describe("the sources of a stage", () => {
  test.each([
    ["COPY --from=nginx:1 /a /b", ["nginx:1"]],
    ["COPY --chown=1:1 --from=nginx --link /a /b", ["nginx"]],
    ["copy --FROM=nginx /a /b", ["nginx"]],
    ["ADD --from=nginx /a /b", ["nginx"]],
    ["RUN --mount=from=tools,target=/t ls", ["tools"]],
    ["RUN --mount=type=bind,target=/t,from=tools ls", ["tools"]],
    ["RUN --mount=from=a,target=/a --mount=type=cache,target=/c,from=b ls", ["a", "b"]],
    ["RUN --network=none \\\n  --mount=from=a,target=/a \\\n  ls", ["a"]],
    ["RUN --mount=type=cache,target=/from=a ls", []],
    ["RUN rsync --from=a b", []],
    ["COPY a --from=b /c", []],
    ["LABEL --from=a b", []],
    ['CMD ["run", "--from=a"]', []],
  ])("%j are %j", (instruction, sources) => {
    const [stage] = parseDockerfile("Dockerfile", `FROM scratch\n${instruction}\n`);
    expect(stage?.sources).toEqual(sources);
  });

  test("are those of its own instructions", () => {
    const text = "FROM a\nCOPY --from=b /b /\nFROM c\nCOPY --from=d /d /\nCOPY --from=e /e /\n";
    const stages = parseDockerfile("Dockerfile", text);
    expect(stages.map(({ sources }) => sources)).toEqual([["b"], ["d", "e"]]);
  });
});

describe("images outside the Dockerfile are those that a stage starts or copies from,", () => {
  function basesOf(...lines: string[]): string[] {
    return baseImages(parseDockerfile("Dockerfile", lines.join("\n")));
  }

  test("each once and in order", () => {
    const lines = ["FROM a", "COPY --from=b /b /", "FROM b", "RUN --mount=from=c,target=/c ls"];
    expect(basesOf(...lines)).toEqual(["a", "b", "c"]);
  });

  test("but neither scratch nor an earlier stage, however its name is written", () => {
    const lines = ["FROM a AS Build", "FROM BUILD", "COPY --from=build /b /", "FROM Scratch"];
    expect(basesOf(...lines)).toEqual(["a"]);
  });

  test("nor the number of an earlier stage", () => {
    const lines = ["FROM a", "FROM scratch", "COPY --from=0 /b /", "COPY --from=1 /b /"];
    expect(basesOf(...lines)).toEqual(["a", "1"]);
  });

  test("but those that have the name of the stage itself or of a later one", () => {
    const lines = ["FROM nginx AS nginx", "COPY --from=late /a /", "FROM scratch AS late"];
    expect(basesOf(...lines)).toEqual(["nginx", "late"]);
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

test.each([
  ["# syntax=f:1\nFROM a\n", "# syntax=f:1@sha256:9\nFROM a\n"],
  ["# escape=`\n#SYNTAX = f:1\nFROM a\n", "# escape=`\n#SYNTAX = f:1@sha256:9\nFROM a\n"],
  ["# syntax=f:1\nFROM a\n# syntax=g:1\n", "# syntax=f:1@sha256:9\nFROM a\n# syntax=g:1\n"],
])("the frontend of %j is bound to a digest and the rest stays", (text, pinned) => {
  expect(pinSyntax(text, "sha256:9")).toBe(pinned);
});
