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

  test.each([
    ["RUN <<EOF", "EOF"],
    ["COPY <<-'X Y' /f", "\tX Y"],
    ['RUN cat <<"EOF" > /f', "EOF"],
    ["RUN cat << EOF", "EOF"],
    ["RUN read 3<<EOF", "EOF"],
    ["RUN cat <<A <<B", "A\nB"],
    ["ONBUILD RUN <<EOF", "EOF"],
    ["RUN one \\\n  <<EOF", "EOF"],
  ])("the heredoc of %j is no instruction", (start, end) => {
    const text = `FROM a\n${start}\nnot an instruction\n  ${end}\n${end}\nRUN more\n`;
    expect(parseDockerfile("Dockerfile", text)).toHaveLength(1);
  });

  test.each([
    "cat <<< foo",
    "cat <<<foo",
    "echo $((1<<FOO))",
    'echo "1 << n"',
    "echo '<<EOF'",
    "echo a<<EOF",
    "echo <<-",
    "echo \\<<EOF",
    "echo it's <<EOF",
  ])("%j begins no heredoc", (command) => {
    expect(parseDockerfile("Dockerfile", `FROM a\nRUN ${command}\nRUN more\n`)).toHaveLength(1);
  });

  test("a line goes on where it was broken, unless an escape is escaped", () => {
    const text = "FROM al\\\n# between\n\npine\nRUN echo \\\\\nRUN more\n";
    expect(baseImages(parseDockerfile("Dockerfile", text))).toEqual(["alpine"]);
  });

  test("the escape directive is heeded", () => {
    expect(parseDockerfile("Dockerfile", "# escape=`\nFROM a\nRUN one `\n  two\n")).toHaveLength(1);
  });
});

describe("arguments", () => {
  function baseOf(text: string, buildArgs = {}, platform?: string): unknown {
    return baseImages(parseDockerfile("Dockerfile", text, buildArgs, platform));
  }

  test.each([
    ["several on a line", "ARG A=1 B=2\nFROM p:${A}-$B", "p:1-2"],
    ["one that holds an earlier one", "ARG V=3\nARG IMG=p:${V}\nFROM ${IMG}", "p:3"],
    ["one that holds an earlier one of its line", "ARG V=3 IMG=p:$V\nFROM $IMG", "p:3"],
    ["one that is declared again without a value", "ARG V=3\nARG V\nFROM p:$V", "p:3"],
    ["quotes", 'ARG A="a" B=\'b\' C=c"d"\nFROM $A/$B:$C', "a/b:cd"],
    ["single quotes, which keep a dollar", "ARG A=1 B='$A'\nFROM p:${A:+x}${B:+y}", "p:xy"],
    ["escapes", "ARG A=\\$B\nFROM p${A:+q}", "pq"],
    ["a default for one that is not set", "FROM p:${A-1}${B:-2}", "p:12"],
    ["a default for one that is empty", "ARG A=\nFROM p:1${A-1}${A:-2}", "p:12"],
    ["a default in a default", "ARG B=2\nFROM p:${A:-${C:-$B}}", "p:2"],
    ["something else where one is set", "ARG A=1\nFROM p${A:+:2}${B:+x}", "p:2"],
  ])("%s", (_, text, base) => {
    expect(baseOf(text)).toEqual([base]);
  });

  test("of a build come before defaults, also in the values of others", () => {
    expect(baseOf("ARG V=3 IMG=p:$V\nFROM $IMG", { V: "4" })).toEqual(["p:4"]);
    expect(baseOf("ARG V\nFROM p:$V", { V: "4" })).toEqual(["p:4"]);
  });

  const stages = "FROM a AS build-amd64\nFROM b AS build-arm64\nFROM build-${TARGETARCH}\n";

  test("of the platform are its own", () => {
    const text = "ARG IMG=p-$TARGETARCH\nFROM $IMG:$TARGETOS$TARGETVARIANT\n";
    expect(baseOf(text, {}, "linux/amd64")).toEqual(["p-amd64:linux"]);
    expect(baseOf(text, {}, "linux/arm/v7")).toEqual(["p-arm:linuxv7"]);
    expect(baseOf(text, { TARGETARCH: "x" }, "linux/amd64")).toEqual(["p-x:linux"]);
    expect(parseDockerfile("Dockerfile", stages, {}, "linux/arm64").at(-1)?.from).toBe(
      "build-arm64",
    );
    expect(baseOf(stages, {}, "linux/s390x")).toEqual(["a", "b", "build-s390x"]);
  });

  test("of a platform that is not known leave stages", () => {
    expect(baseOf(stages)).toEqual(["a", "b"]);
    expect(baseOf(stages.replace("TARGET", "BUILD"), {}, "linux/s390x")).toEqual(["a", "b"]);
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
  [
    "a heredoc whose end is indented",
    "FROM a\nRUN <<EOF\nx\n  EOF\n",
    'Dockerfile:2: the heredoc EOF has no end; close it by a line "EOF"',
  ],
  [
    "a base without a name",
    "ARG A\nFROM $A\n",
    'Dockerfile:2: "FROM $A" names nothing; give its ARG a default, or set it in buildArgs',
  ],
  [
    "a base that only the builder knows",
    "FROM a AS build\nFROM p:$BUILDARCH\n",
    'Dockerfile:2: "FROM p:$BUILDARCH" depends on BUILDARCH, which only the builder knows, and no earlier stage has such a name; ' +
      "set BUILDARCH in buildArgs, or write a stage for each of its values",
  ],
  [
    "a substitution that is not known here",
    "ARG A=1.2\nFROM p:${A%.*}\n",
    "Dockerfile:2: p:${A%.*} holds a substitution other than ${NAME}, ${NAME:-default} and ${NAME:+instead}; use one of these",
  ],
  ["a required argument", "FROM p:${A:?say}\n", "Dockerfile:1: A has no value: say"],
  ["an open quote", "FROM p:${A:-'1}\n", "Dockerfile:1: p:${A:-'1} lacks a closing '"],
  ["an open brace", "FROM p:${A:-1\n", "Dockerfile:1: p:${A:-1 lacks a closing }"],
  [
    "an argument in COPY --from",
    "FROM a\nCOPY --from=build-${TARGETARCH} /a /b\n",
    'Dockerfile:2: COPY takes from "build-${TARGETARCH}", but BuildKit puts no arguments in there; ' +
      "write FROM build-${TARGETARCH} AS a stage of its own, and take from that",
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
