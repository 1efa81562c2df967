/** One of those that were made. */
export function named<Made>(made: Readonly<Record<string, Made>>, name: string): Made {
  const found = made[name];
  if (found === undefined) throw new Error(`"${name}" was not made`);
  return found;
}

/** Those of `made` that `names` has, by the keys that it has for them. */
export function pick<Made>(
  made: Readonly<Record<string, Made>>,
  names: Readonly<Record<string, string>>,
): Record<string, Made> {
  return Object.fromEntries(Object.entries(names).map(([key, name]) => [key, named(made, name)]));
}

/** Names of planned images, by what the Dockerfile or the chart calls them. */
export function namesOf(
  images: ReadonlyMap<string, { readonly name: string }>,
): Record<string, string> {
  return Object.fromEntries([...images].map(([key, { name }]) => [key, name]));
}
