/** Reads a JSON text; undefined when it is none. */
export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString()) as unknown;
  } catch {
    return undefined;
  }
}

/** Whether a value is a JSON object, and no list. */
export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The fields of a JSON object; none of any other value. */
export function fields(value: unknown): Readonly<Record<string, unknown>> {
  // Any object can be read by key; Object() makes one of everything else.
  return Object(value) as Record<string, unknown>;
}
