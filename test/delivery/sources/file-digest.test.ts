import { appendFileSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import * as fs from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test, vi } from "vitest";
import { InputError } from "../../../delivery/basics/input-error.ts";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import { digestFile } from "../../../delivery/sources/file-digest.ts";
import { folderWith } from "../../folders.ts";

interface Reading {
  reads: number;
  /** What happens to the file while it is read for the nth time. */
  meanwhile: (read: number) => void;
}

const reading = vi.hoisted<Reading>(() => ({ reads: 0, meanwhile: () => undefined }));

vi.mock("node:fs", async (importOriginal) => {
  const real = await importOriginal<typeof fs>();
  return {
    ...real,
    readSync: (file: number, buffer: Buffer) => {
      const length = real.readSync(file, buffer);
      if (length === 0) reading.meanwhile(++reading.reads);
      return length;
    },
  };
});

const limit = 1_000_000;
let file: string;

beforeEach(() => {
  file = join(folderWith({ "a.txt": "one" }), "a.txt");
  reading.reads = 0;
  reading.meanwhile = () => undefined;
});

test("a file larger than one read is hashed whole", () => {
  const content = "0123456789".repeat(70_000);
  writeFileSync(file, content);
  expect(digestFile(file, limit)).toMatchObject({ digest: sha256(content) });
});

test.each<[string, () => void]>([
  [
    "grows",
    () => {
      appendFileSync(file, "more");
    },
  ],
  [
    "gets other content of the same size",
    () => {
      writeFileSync(file, "two");
    },
  ],
  [
    "gets another time",
    () => {
      utimesSync(file, 1, 1);
    },
  ],
  [
    "is replaced",
    () => {
      fs.rmSync(file);
      writeFileSync(file, "new");
    },
  ],
])("a file that %s while it is read is read again", (_, change) => {
  reading.meanwhile = (read) => {
    if (read <= 2) change();
  };
  const { digest } = digestFile(file, limit);
  expect(reading.reads).toBe(3);
  expect(digest).toBe(sha256(fs.readFileSync(file)));
});

test("a file that keeps changing is refused with its path", () => {
  reading.meanwhile = () => {
    appendFileSync(file, "more");
  };
  expect(() => digestFile(file, limit)).toThrow(
    new InputError(
      `${file} changed each of the 5 times it was read; ` +
        `run the command again when it is at rest, or list it in the ignore file`,
    ),
  );
});

test("a link that took the place of a listed file is not followed", () => {
  symlinkSync("a.txt", `${file}.link`);
  expect(() => digestFile(`${file}.link`, limit)).toThrow(`${file}.link cannot be read (ELOOP`);
});
