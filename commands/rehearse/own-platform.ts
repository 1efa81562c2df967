import { join } from "node:path";
import { variable } from "../../delivery/basics/variable.ts";
import { project, raisedPorts } from "../../platform/settings.ts";
import { platforms } from "./steps.ts";

/** Apart from the ports of a platform in use, and of one that tests run on. */
const portOffset = 2200;

/**
 * Variables of the rehearsal's platform. Its folder is `TINYOLLY_REHEARSAL_STATE`, else `.tinyolly/rehearsal`, and never that of the
 * platform in use, since what is there is stopped and emptied.
 */
export function ownPlatform(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  return {
    ...raisedPorts(portOffset),
    TINYOLLY_STATE:
      variable(env, "TINYOLLY_REHEARSAL_STATE") ?? join(project, ".tinyolly/rehearsal"),
    TINYOLLY_REHEARSAL: "1",
    TINYOLLY_PLATFORMS: platforms.join(","),
  };
}
