/** Wrong input by the user: its message says what was given, what is allowed and what to do. */
export class InputError extends Error {
  public override readonly name: string = "InputError";
}

/**
 * Runs `read` on every item and keeps going over wrong input, so that a user sees all problems at once.
 * Other errors are thrown at once.
 */
export function readAll<Item, Result>(
  items: Iterable<Item>,
  problems: string[],
  read: (item: Item) => Result,
): Result[] {
  const results: Result[] = [];
  for (const item of items) {
    try {
      results.push(read(item));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      problems.push(error.message);
    }
  }
  return results;
}
