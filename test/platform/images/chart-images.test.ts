import { expect, test } from "vitest";
import { foreignImages } from "../../../platform/images/chart-images.ts";

test("the images of others are those of parts that are enabled, and none of ours", () => {
  const values = {
    web: { image: { repository: "r.example/web", tag: "" } },
    redis: { image: { repository: "docker.io/library/redis", tag: "8-alpine" }, enabled: true },
    collector: { enabled: false, image: { repository: "docker.io/otel/collector", tag: "1" } },
    list: [{ repository: "not", tag: "an image" }],
    port: 80,
  };
  expect(foreignImages(values, ["web.image"])).toEqual(["docker.io/library/redis:8-alpine"]);
  expect(foreignImages(values, ["web.image", "redis.image"])).toEqual([]);
});
