import { readFileSync, statSync } from "node:fs";
import { type Document, parseDocument } from "yaml";
import { InputError } from "../basics/input-error.ts";

export function requireFolder(path: string, owner: string): void {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new InputError(`${owner}: there is no folder ${path}; create it or correct the path`);
  }
}

export function readText(file: string, owner: string): string {
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) {
    throw new InputError(`${owner}: there is no file ${file}; create it or correct its path`);
  }
  return readFileSync(file, "utf8");
}

export function readYaml(file: string, owner: string): Document {
  const document = parseDocument(readText(file, owner));
  const [error] = document.errors;
  if (error) throw new InputError(`${owner}: ${file} is not valid YAML: ${error.message}`);
  return document;
}
