import type { Deliverables } from "./delivery/plan/plan.ts";

/** What TinyOlly ships. One more image is one entry here and its folder. */
export const deliverables = {
  images: {
    "python-base": { path: "apps/python-base" },
    tinyolly: { path: "apps/tinyolly", needs: ["python-base"] },
    webui: { path: "apps/tinyolly-ui" },
    "opamp-server": { path: "apps/opamp-server" },
    demo: { path: "apps/demo", needs: ["python-base"] },
  },
  charts: {
    tinyolly: {
      path: "charts/tinyolly",
      namespace: "tinyolly",
      images: {
        "frontend.image": "tinyolly",
        "otlpReceiver.image": "tinyolly",
        "webui.image": "webui",
        "opampServer.image": "opamp-server",
      },
      keepSecrets: ["tinyolly-redis"],
    },
    "tinyolly-demos": {
      path: "charts/tinyolly-demos",
      namespace: "tinyolly-demos",
      images: {
        "frontend.image": "demo",
        "backend.image": "demo",
      },
    },
  },
} as const satisfies Deliverables;
