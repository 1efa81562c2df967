import { afterAll, afterEach } from "vitest";
import { leaveTemplate } from "./checkout.ts";
import { leaveFolders } from "./folders.ts";
import { leaveMounts } from "./mounts.ts";

// Here and not beside them: test files that share modules would have them only where they were loaded first.
afterEach(() => {
  leaveMounts();
  leaveFolders();
});
afterAll(leaveTemplate);
