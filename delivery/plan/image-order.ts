import { InputError, readAll } from "../basics/input-error.ts";

/**
 * Names of images, each after those that it needs. Wrong needs are added to `problems`, and the images that have them are
 * left out.
 */
export function inOrderOfNeed(
  images: Readonly<Record<string, { readonly needs?: readonly string[] }>>,
  problems: string[],
): string[] {
  const ordered = new Set<string>();
  const visited = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    const start = path.indexOf(name);
    if (start !== -1) {
      throw new InputError(
        `images need each other in a circle: ${[...path.slice(start), name].join(" → ")}; take one of these needs out of deliverables.ts`,
      );
    }
    if (visited.has(name)) return;
    visited.add(name);
    for (const need of images[name]?.needs ?? []) {
      if (!Object.hasOwn(images, need)) {
        throw new InputError(
          `image "${name}" needs "${need}"; deliverables.ts has ${Object.keys(images).join(", ")}`,
        );
      }
      visit(need, [...path, name]);
    }
    ordered.add(name);
  };
  readAll(Object.keys(images), problems, (name) => {
    visit(name, []);
  });
  return [...ordered];
}
