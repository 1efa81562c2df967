import { afterAll, afterEach } from "vitest";
import { leaveTemplate } from "./checkout";
import { leaveFolders } from "./folders";
import { leaveMounts } from "./mounts";

// Here and not beside them: test files that share modules would have them only where they were loaded first.
afterEach(() => {
  leaveMounts();
  leaveFolders();
});
afterAll(leaveTemplate);
