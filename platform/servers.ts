import {
  argocdFactories,
  clusterFactories,
  imageFactories,
  nodeFactories,
} from "./cluster/services.ts";
import { rehearsalFactories } from "./ghcr/servers.ts";
import type { ServiceFactory } from "./machine/start-services.ts";
import type { PlatformSettings } from "./settings.ts";

/** Every server of a platform with these settings, in start order. */
export function allFactories({ rehearsal }: PlatformSettings): readonly ServiceFactory[] {
  return [
    ...(rehearsal ? rehearsalFactories : []),
    ...imageFactories,
    ...clusterFactories,
    ...nodeFactories,
    ...argocdFactories,
  ];
}
