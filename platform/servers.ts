import {
  argocdFactories,
  clusterFactories,
  imageFactories,
  nodeFactories,
} from "./cluster/services";
import { rehearsalFactories } from "./ghcr/servers";
import type { ServiceFactory } from "./machine/start-services";
import type { PlatformSettings } from "./settings";

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
