import type { Publishing } from "../delivery/plan/fingerprint.ts";
import {
  type Deliverables,
  type Plan,
  type PlanOptions,
  planDeliverables,
} from "../delivery/plan/plan.ts";
import type { Endpoints } from "../delivery/registry/references.ts";

/** Sources of a small project with two images and two charts, of which one takes both. No base is locked. */
export const shopFiles: Readonly<Record<string, string>> = {
  "apps/web/Dockerfile": "FROM nginx AS base\nFROM base\nCOPY . /srv\n",
  "apps/web/.dockerignore": "notes.txt\n",
  "apps/web/index.html": "<h1>Shop</h1>",
  "apps/web/scripts/start.sh": "nginx",
  "apps/web/notes.txt": "buy milk",
  "apps/api/Dockerfile": "FROM scratch\nCOPY main /\n",
  "apps/api/main": "api",
  "charts/shop/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.2.3\n",
  "charts/shop/values.yaml": "web: {image: {tag: ''}}\napi: {image: {tag: ''}}\n",
  "charts/shop/templates/web.yaml": "kind: Deployment\n",
  "charts/tools/Chart.yaml": "apiVersion: v2\nname: tools\nversion: 0.1.0\n",
  "charts/tools/values.yaml": "api: {image: {}}\n",
};

export const shop = {
  images: { web: { path: "apps/web" }, api: { path: "apps/api" } },
  charts: {
    shop: {
      path: "charts/shop",
      namespace: "shop-space",
      images: { "web.image": "web", "api.image": "api" },
    },
    tools: { path: "charts/tools", namespace: "tools", images: { "api.image": "api" } },
  },
} as const satisfies Deliverables;

export const shopOptions: PlanOptions = {
  platforms: ["linux/amd64"],
  versions: { line: "v2.1" },
  pullFolder: "pull.test:2/shop",
  bases: new Map(),
};

export const shopEndpoints: Endpoints = {
  push: "push.test:1",
  pushTls: "skip-verify",
  pull: "pull.test:2",
  inCluster: "cluster.test:3",
  inClusterPlainHttp: true,
  namespace: "shop",
};

export const shopPublishing: Publishing = {
  endpoints: shopEndpoints,
  builder: "smith",
  registryCache: false,
};

/** Plan of the shop in the current folder. */
export function planShop(deliverables: Deliverables = shop, options = shopOptions): Plan {
  return planDeliverables(deliverables, options);
}

/** The item with a name; a wrong name in a test is an error. */
export function named<T extends { readonly name: string }>(items: readonly T[], name: string): T {
  const item = items.find((candidate) => candidate.name === name);
  if (!item)
    throw new Error(`there is no ${name} among ${items.map((one) => one.name).join(", ")}`);
  return item;
}
