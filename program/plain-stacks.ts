// The SDK has each stack mapped line by line, and takes one for each promise, which makes up a fifth of a preview. Those of Node are right
// as they are, since it strips types in their place.
Object.defineProperty(Error, "prepareStackTrace", { get: () => undefined, set: () => undefined });
