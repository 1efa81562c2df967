/** Reads something the first time that it is asked for, and remembers it, be it undefined. */
export function once<Result>(read: () => Result): () => Result {
  let result: { readonly value: Result } | undefined;
  return () => (result ??= { value: read() }).value;
}
