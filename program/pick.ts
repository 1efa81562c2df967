/** Those of `made` that `names` has, by the keys that it has for them. */
export function pick<Made>(
  made: Readonly<Record<string, Made>>,
  names: Readonly<Record<string, string>>,
): Record<string, Made> {
  return Object.fromEntries(
    Object.entries(names).map(([key, name]) => {
      const found = made[name];
      if (found === undefined) throw new Error(`"${name}" was not made`);
      return [key, found];
    }),
  );
}
