import { afterEach } from "vitest";
import { leaveFolders } from "./folders";

// Here and not beside it: test files that share modules would have it only where it was loaded first.
afterEach(leaveFolders);
