import { Provider } from "@pulumi/kubernetes/provider.js";
import * as pulumi from "@pulumi/pulumi";
import { Application } from "tinyolly/application";
import { Chart } from "tinyolly/chart";
import { Image } from "tinyolly/image";
import { Registry, type Tls } from "tinyolly/registry";

const config = new pulumi.Config();
const context = config.require("context");

const registry = new Registry("registry", {
  push: config.require("push"),
  pushTls: config.require<Tls>("pushTls"),
  pull: config.require("pull"),
  inClusterPlainHttp: config.requireBoolean("plainHttp"),
  namespace: config.require("namespace"),
});

const web = new Image("web", { registry, path: "web", builder: config.get("builder") });

const chart = new Chart("shop", { registry, path: "chart", images: { "web.image": web } });

const cluster = new Provider("cluster", { context });

const shop = new Application(
  "shop",
  { chart, namespace: "shop", values: { web: { replicas: 1 } }, cluster: { context } },
  { provider: cluster },
);

export const image = pulumi.interpolate`${web.repository}:${web.tag}@${web.digest}`;
export const revision = shop.revision;
