export type Query = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** Path with the parameters that are set: empty strings, `false` and 0 are left out, each entry of a list is one. */
export function withQuery(path: string, query: Query): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (typeof value === 'object') for (const entry of value) search.append(name, entry);
    else if (value !== '' && value !== false && value !== 0) search.set(name, String(value));
  }
  return search.size === 0 ? path : `${path}?${search.toString()}`;
}
