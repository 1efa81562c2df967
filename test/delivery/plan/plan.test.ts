import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { InputError } from "../../../delivery/basics/input-error.ts";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import { outsideBases } from "../../../delivery/plan/image-plan.ts";
import {
  type Deliverables,
  type Plan,
  type PlanOptions,
  unlockedBases,
} from "../../../delivery/plan/plan.ts";
import { recipes } from "../../../delivery/plan/recipes.ts";
import { enterFolderWith, setUmask, writeFiles } from "../../folders.ts";
import { type Random, seededRandom } from "../../random.ts";
import { named, planShop, shop, shopFiles, shopOptions } from "../../shop.ts";

/** Names of what has another key in `after`; another tag or version goes with it, or the test fails. */
function changed(before: Plan, after: Plan): { images: string[]; charts: string[] } {
  const images = before.images.filter((image) => {
    const now = named(after.images, image.name);
    expect(now.tag === image.tag).toBe(now.key === image.key);
    return now.key !== image.key;
  });
  const charts = before.charts.filter((chart) => {
    const now = named(after.charts, chart.name);
    expect(now.version === chart.version).toBe(now.key === chart.key);
    expect(now.appVersion === chart.appVersion).toBe(now.key === chart.key);
    return now.key !== chart.key;
  });
  return { images: images.map(({ name }) => name), charts: charts.map(({ name }) => name) };
}

describe("the plan of a small project", () => {
  beforeEach(() => {
    enterFolderWith(shopFiles);
  });

  test("an image has its files, key and tag", () => {
    const web = named(planShop().images, "web");
    expect(web).toEqual({
      name: "web",
      path: "apps/web",
      dockerfile: {
        path: "apps/web/Dockerfile",
        digest: sha256("FROM nginx AS base\nFROM base\nCOPY . /srv\n"),
        text: "FROM nginx AS base\nFROM base\nCOPY . /srv\n",
      },
      target: undefined,
      buildArgs: {},
      platforms: ["linux/amd64"],
      bases: new Map([["nginx", ""]]),
      needs: new Map(),
      files: ["Dockerfile", "index.html", "scripts/start.sh"].map((path) => ({
        path,
        kind: "file",
        digest: sha256(shopFiles[`apps/web/${path}`] ?? ""),
      })),
      steps: web.steps,
      key: web.key,
      contentTag: `v2.1.x-h${web.key.slice(0, 12)}`,
      tag: `v2.1.x-h${web.key.slice(0, 12)}`,
    });
    expect(web.key).toMatch(/^[0-9a-f]{64}$/);
  });

  test("a chart has its files, images, key and version", () => {
    const { images, charts } = planShop();
    const chart = named(charts, "shop");
    expect(chart).toEqual({
      name: "shop",
      path: "charts/shop",
      namespace: "shop-space",
      keepSecrets: [],
      files: ["Chart.yaml", "templates/web.yaml", "values.yaml"].map((path) => ({
        path,
        kind: "file",
        digest: sha256(shopFiles[`charts/shop/${path}`] ?? ""),
      })),
      images: new Map([
        ["web.image", named(images, "web")],
        ["api.image", named(images, "api")],
      ]),
      dependencies: [],
      key: chart.key,
      version: `1.2.3-v2.1.x-h${chart.key.slice(0, 12)}`,
      appVersion: `v2.1.x-h${chart.key.slice(0, 12)}`,
    });
    expect(chart.key).toMatch(/^[0-9a-f]{64}$/);
  });

  test("in a release images have its tag and charts their own version", () => {
    const plan = planShop(shop, { ...shopOptions, versions: { line: "v2.1", release: "v2.1.8" } });
    expect(plan.images.map(({ tag }) => tag)).toEqual(["v2.1.8", "v2.1.8"]);
    // What is built does not change with the release.
    expect(plan.images.map(({ contentTag }) => contentTag)).toEqual(
      planShop().images.map(({ contentTag }) => contentTag),
    );
    expect(plan.charts.map(({ version, appVersion }) => [version, appVersion])).toEqual([
      ["1.2.3", "v2.1.8"],
      ["0.1.0", "v2.1.8"],
    ]);
  });

  test("an ignore file named after the Dockerfile wins", () => {
    writeFiles(".", { "apps/web/Dockerfile.dockerignore": "*\n!index.html\n" });
    expect(named(planShop().images, "web").files.map(({ path }) => path)).toEqual(["index.html"]);
  });

  test(".helmignore decides what a chart is made of", () => {
    writeFiles(".", { "charts/shop/.helmignore": "templates\n.helmignore\n" });
    const paths = named(planShop().charts, "shop").files.map(({ path }) => path);
    expect(paths).toEqual(["Chart.yaml", "values.yaml"]);
  });
});

describe("what decides the keys", () => {
  beforeEach(() => {
    enterFolderWith(shopFiles);
  });

  test(".dockerignore itself does not, what it leaves does", () => {
    const before = planShop();
    writeFiles(".", { "apps/web/.dockerignore": "# what is not for customers\nnotes.txt\n" });
    expect(planShop()).toEqual(before);
    writeFiles(".", { "apps/web/.dockerignore": "" });
    expect(changed(before, planShop())).toEqual({ images: ["web"], charts: ["shop"] });
  });

  test.each([
    ["image", ["web", "api"], ["shop", "tools"]],
    ["chart", [], ["shop", "tools"]],
  ] as const)("the way in which this program makes each %s", (kind, images, charts) => {
    const before = planShop();
    const now = recipes[kind];
    onTestFinished(() => {
      Object.assign(recipes, { [kind]: now });
    });
    Object.assign(recipes, { [kind]: now + 1 });
    expect(changed(before, planShop())).toEqual({ images, charts });
  });

  test("a Dockerfile that the ignore file leaves out", () => {
    writeFiles(".", { "apps/web/.dockerignore": "Dockerfile\n" });
    const before = planShop();
    expect(named(before.images, "web").files.map(({ path }) => path)).not.toContain("Dockerfile");
    expect(named(before.images, "web").dockerfile.text).toBe(shopFiles["apps/web/Dockerfile"]);
    appendFileSync("apps/web/Dockerfile", "USER 1\n");
    expect(changed(before, planShop()).images).toEqual(["web"]);
  });

  const release = { ...shopOptions, versions: { line: "v2.1", release: "v2.1.8" } };
  const web = { ...shop, images: { ...shop.images, web: { path: "apps/web", target: "base" } } };

  test.each<[string, Deliverables, Partial<PlanOptions>, string[], string[]]>([
    ["another target", web, {}, ["web"], ["shop"]],
    ["other platforms", shop, { platforms: ["linux/arm64"] }, ["web", "api"], ["shop", "tools"]],
    [
      "one platform more",
      shop,
      { platforms: ["linux/amd64", "linux/arm64"] },
      ["web", "api"],
      ["shop", "tools"],
    ],
    ["another pull endpoint", shop, { pullFolder: "other.test/shop" }, [], ["shop", "tools"]],
    [
      "a build argument",
      { ...shop, images: { ...shop.images, api: { path: "apps/api", buildArgs: { A: "1" } } } },
      {},
      ["api"],
      ["shop", "tools"],
    ],
    [
      "another values path",
      {
        ...shop,
        charts: { ...shop.charts, tools: { ...shop.charts.tools, images: { api: "api" } } },
      },
      {},
      [],
      ["tools"],
    ],
    [
      "another image at a values path",
      {
        ...shop,
        charts: { ...shop.charts, tools: { ...shop.charts.tools, images: { "api.image": "web" } } },
      },
      {},
      [],
      ["tools"],
    ],
    [
      "a Secret to keep",
      {
        ...shop,
        charts: { ...shop.charts, tools: { ...shop.charts.tools, keepSecrets: ["token"] } },
      },
      {},
      [],
      [],
    ],
    [
      "another namespace to deploy into",
      { ...shop, charts: { ...shop.charts, tools: { ...shop.charts.tools, namespace: "other" } } },
      {},
      [],
      [],
    ],
  ])("%s", (_, catalog, options, images, charts) => {
    const after = planShop(catalog, { ...shopOptions, ...options });
    expect(changed(planShop(), after)).toEqual({ images, charts });
  });

  test("the value and the name of a build argument, but not their order", () => {
    const keyWith = (buildArgs: Record<string, string>): string =>
      named(
        planShop({ images: { web: { path: "apps/web", buildArgs } }, charts: {} }).images,
        "web",
      ).key;
    const keys = [{ A: "1", B: "2" }, { A: "2", B: "2" }, { A: "1", C: "2" }, { A: "1" }];
    expect(new Set(keys.map(keyWith)).size).toBe(keys.length);
    expect(keyWith({ B: "2", A: "1" })).toBe(keyWith({ A: "1", B: "2" }));
  });

  test("a Dockerfile outside the context", () => {
    const catalog = {
      images: { web: { path: "apps/web", dockerfile: "web.Dockerfile" } },
      charts: {},
    };
    writeFiles(".", { "web.Dockerfile": "FROM scratch\n" });
    const before = planShop(catalog);
    appendFileSync("web.Dockerfile", "COPY . /\n");
    expect(changed(before, planShop(catalog)).images).toEqual(["web"]);
  });

  test("files that an ignore file leaves out do not", () => {
    const before = planShop();
    appendFileSync("apps/web/notes.txt", "and bread");
    expect(planShop()).toEqual(before);
  });

  test("a release decides tags and no key, so that a chart that stays as it is keeps its version", () => {
    const keys = (items: readonly { key: string }[]): string[] => items.map(({ key }) => key);
    const before = planShop();
    const after = planShop(shop, release);
    expect(keys(after.images)).toEqual(keys(before.images));
    expect(keys(after.charts)).toEqual(keys(before.charts));
  });

  test("in a release an edit still changes the keys, since no tag and no version shows it", () => {
    const before = planShop(shop, release);
    appendFileSync("apps/web/index.html", "\n");
    const after = planShop(shop, release);
    expect(named(after.images, "web").key).not.toBe(named(before.images, "web").key);
    expect(named(after.charts, "shop").key).not.toBe(named(before.charts, "shop").key);
    expect(named(after.charts, "tools")).toEqual(named(before.charts, "tools"));
  });
});

describe("what Dockerfiles take from elsewhere", () => {
  const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
  const own = `alpine@${digest("a")}`;
  const catalog: Deliverables = { images: shop.images, charts: {} };

  beforeEach(() => {
    enterFolderWith({
      ...shopFiles,
      "apps/web/Dockerfile": [
        "# syntax=docker/dockerfile:1",
        "FROM nginx AS base",
        `FROM ${own}`,
        "COPY --from=base /a /",
        "COPY --from=busybox:1 /b /",
        "RUN --mount=from=tools,target=/t ls",
      ].join("\n"),
      "apps/api/Dockerfile": "FROM busybox:1\nCOPY main /\n",
    });
  });

  function planWith(bases: Readonly<Record<string, string>>): Plan {
    return planShop(catalog, { ...shopOptions, bases: new Map(Object.entries(bases)) });
  }

  const locked = {
    nginx: digest("1"),
    tools: digest("2"),
    "docker/dockerfile:1": digest("3"),
    unused: digest("4"),
  };

  test("is bound to the digest that it carries, else to that of the lock, else to none", () => {
    expect(named(planWith(locked).images, "web").bases).toEqual(
      new Map([
        ["nginx", digest("1")],
        [own, digest("a")],
        ["busybox:1", ""],
        ["tools", digest("2")],
        ["docker/dockerfile:1", digest("3")],
      ]),
    );
  });

  test("and is in no lock is listed once", () => {
    expect(unlockedBases(planWith({}))).toEqual([
      "busybox:1",
      "docker/dockerfile:1",
      "nginx",
      "tools",
    ]);
    expect(unlockedBases(planWith(locked))).toEqual(["busybox:1"]);
    expect(unlockedBases(planWith({ ...locked, "busybox:1": digest("5") }))).toEqual([]);
  });

  test("can be asked for without a plan", () => {
    expect(outsideBases("api", shop.images.api, ["linux/amd64"])).toEqual(["busybox:1"]);
    expect(outsideBases("web", shop.images.web, ["linux/amd64"])).toEqual([
      "nginx",
      own,
      "busybox:1",
      "tools",
      "docker/dockerfile:1",
    ]);
  });

  test("and has another name on each platform is listed for all that are planned", () => {
    writeFileSync("apps/api/Dockerfile", "FROM tools-${TARGETARCH}\n");
    const taken = outsideBases("api", shop.images.api, ["linux/amd64", "linux/arm64"]);
    expect(taken).toEqual(["tools-amd64", "tools-arm64"]);
  });

  test.each([
    ["a moved base changes the images that take it", "nginx", ["web"]],
    ["a newly locked base changes the images that take it", "busybox:1", ["web", "api"]],
    ["a base that is mounted counts as well", "tools", ["web"]],
    ["a moved frontend changes the images that ask for it", "docker/dockerfile:1", ["web"]],
    ["a base that nothing takes changes nothing", "unused", []],
  ])("%s", (_, reference, images) => {
    const after = planWith({ ...locked, [reference]: digest("9") });
    expect(changed(planWith(locked), after).images).toEqual(images);
  });

  test("the frontend is bound in the text that is built, not in what counts as the Dockerfile", () => {
    const bound = named(planWith(locked).images, "web").dockerfile;
    const free = named(planWith({}).images, "web").dockerfile;
    expect(bound.text.split("\n")[0]).toBe(`# syntax=docker/dockerfile:1@${digest("3")}`);
    expect(free.text).toBe(readFileSync("apps/web/Dockerfile", "utf8"));
    expect(bound.digest).toBe(free.digest);
  });

  test("a frontend that carries its digest is left as it is", () => {
    const text = `# syntax=docker/dockerfile:1@${digest("8")}\nFROM scratch\n`;
    writeFiles(".", { "apps/web/Dockerfile": text });
    const { bases, dockerfile } = named(planWith(locked).images, "web");
    expect([...bases.values()]).toEqual([digest("8")]);
    expect(dockerfile.text).toBe(text);
  });
});

describe("images that need images", () => {
  const web = { path: "apps/web", needs: ["base"] };
  const needy = {
    ...shop,
    images: { web, api: { path: "apps/api", needs: ["base"] }, base: { path: "apps/base" } },
  } as const satisfies Deliverables;

  beforeEach(() => {
    enterFolderWith({
      ...shopFiles,
      "apps/web/Dockerfile": "FROM base\nCOPY . /srv\n",
      "apps/api/Dockerfile": "FROM nginx\nCOPY --from=base /tools /\n",
      "apps/base/Dockerfile": "FROM scratch\nCOPY tools /\n",
      "apps/base/tools": "hammer",
    });
  });

  test("come after them, whatever the order in deliverables.ts", () => {
    const { images } = planShop(needy);
    expect(images.map(({ name }) => name)).toEqual(["base", "web", "api"]);
    const [base] = images;
    expect(named(images, "web")).toMatchObject({
      needs: new Map([["base", base]]),
      bases: new Map(),
    });
    expect(named(images, "api")).toMatchObject({
      needs: new Map([["base", base]]),
      bases: new Map([["nginx", ""]]),
    });
    expect(base?.needs).toEqual(new Map());
  });

  test("change with them, and so do the charts", () => {
    const before = planShop(needy);
    appendFileSync("apps/base/tools", " and nails");
    expect(changed(before, planShop(needy))).toEqual({
      images: ["base", "web", "api"],
      charts: ["shop", "tools"],
    });
  });

  test("change alone when they do not", () => {
    const before = planShop(needy);
    appendFileSync("apps/web/index.html", "\n");
    expect(changed(before, planShop(needy))).toEqual({ images: ["web"], charts: ["shop"] });
  });

  const { images } = needy;

  test.each<[string, Deliverables["images"], string]>([
    [
      "a circle",
      { ...images, base: { path: "apps/base", needs: ["web"] } },
      "images need each other in a circle: web → base → web; take one of these needs out of deliverables.ts",
    ],
    [
      "a name that nothing has",
      { ...images, web: { path: "apps/web", needs: ["bass"] } },
      'image "web" needs "bass"; deliverables.ts has web, api, base',
    ],
    [
      "a need that the Dockerfile does not take",
      { ...images, web: { path: "apps/web", needs: ["base", "api"] } },
      'image "web" needs "api", but apps/web/Dockerfile neither starts nor copies from it; ' +
        "write FROM api, or take it out of its needs",
    ],
    [
      "an image that the Dockerfile takes and that is not declared",
      { ...images, api: shop.images.api },
      'image "api": apps/api/Dockerfile takes "base", which deliverables.ts has; add needs: ["base"] to "api" there',
    ],
  ])("refuse %s", (_, wrong, problem) => {
    expect(() => planShop({ images: wrong, charts: {} })).toThrow(problem);
  });
});

describe("for random folders", () => {
  const seeds = Array.from({ length: 12 }, (_, i) => i + 1);
  const dockerfile = "FROM scratch\nCOPY . /\n";
  const catalog: Deliverables = {
    images: { one: { path: "one" }, other: { path: "other" } },
    charts: {
      one: { path: "charts/one", namespace: "a", images: { image: "one" } },
      other: { path: "charts/other", namespace: "b", images: { image: "other" } },
    },
  };
  function randomFiles(random: Random): Record<string, string> {
    const files: Record<string, string> = {};
    for (const image of ["one", "other"]) {
      files[`${image}/Dockerfile`] = dockerfile;
      files[`charts/${image}/Chart.yaml`] = `name: ${image}\nversion: 0.1.0\n`;
      files[`charts/${image}/values.yaml`] = "image: {}\n";
      for (let i = 0; i < 6; i++) {
        // The prefixes keep a folder and a file from having one name.
        const folders = Array.from({ length: random.below(3) }, () => `d-${random.word()}`);
        files[[image, ...folders, `f-${random.word()}`].join("/")] = random.word();
      }
    }
    return files;
  }

  function plainFiles(files: Readonly<Record<string, string>>): string[] {
    return Object.keys(files).filter((path) => path.startsWith("one/") && path.includes("f-"));
  }

  const changes: Readonly<Record<string, (path: string, random: Random) => void>> = {
    "a longer file": (path) => {
      appendFileSync(path, "\n");
    },
    "one other byte": (path) => {
      const bytes = readFileSync(path);
      bytes[0] = (bytes[0] ?? 0) ^ 1;
      writeFileSync(path, bytes);
    },
    "an emptied file": (path) => {
      writeFileSync(path, "");
    },
    "another name": (path) => {
      renameSync(path, `${path}.old`);
    },
    "another folder": (path) => {
      mkdirSync("one/d-moved", { recursive: true });
      renameSync(path, "one/d-moved/f-moved");
    },
    "the executable bit": (path) => {
      chmodSync(path, 0o755);
    },
    "a file less": (path) => {
      rmSync(path);
    },
    "a file more": (path) => {
      writeFileSync(`${path}-new`, "");
    },
    "a link instead of a file": (path) => {
      const text = readFileSync(path, "utf8");
      rmSync(path);
      writeFileSync(join(dirname(path), text), text);
      symlinkSync(text, path);
    },
    "the Dockerfile": () => {
      appendFileSync("one/Dockerfile", "# a comment\n");
    },
  };

  test.each(Object.entries(changes))(
    "%s changes the image's key and tag, its chart's, and nothing else",
    (_, change) => {
      for (const seed of seeds) {
        const random = seededRandom(seed);
        const files = randomFiles(random);
        enterFolderWith(files);
        const before = planShop(catalog);
        change(random.pick(plainFiles(files)), random);
        const effect = changed(before, planShop(catalog));
        expect(effect, `seed ${seed}`).toEqual({ images: ["one"], charts: ["one"] });
      }
    },
  );

  test("checkout folder, order of writing, times, permission bits and umask change nothing", () => {
    for (const seed of seeds) {
      const random = seededRandom(seed);
      const files = randomFiles(random);
      enterFolderWith(files);
      const before = planShop(catalog);

      setUmask(random.pick([0o000, 0o022, 0o077]));
      enterFolderWith(Object.fromEntries(random.shuffle(Object.entries(files))));
      for (const path of Object.keys(files)) {
        const time = random.below(2 ** 31);
        chmodSync(path, random.pick([0o600, 0o640, 0o666]));
        utimesSync(path, time, time);
      }
      mkdirSync("one/d-empty");
      expect(planShop(catalog), `seed ${seed}`).toEqual(before);
    }
  });

  test("two files that swap their content change the key", () => {
    for (const seed of seeds) {
      const files = randomFiles(seededRandom(seed));
      const [a = "", b = ""] = plainFiles(files);
      enterFolderWith({ ...files, [a]: "a", [b]: "b" });
      const before = planShop(catalog);
      writeFiles(".", { [a]: "b", [b]: "a" });
      expect(changed(before, planShop(catalog)).images, `seed ${seed}`).toEqual(["one"]);
    }
  });
});

describe("wrong sources are refused:", () => {
  beforeEach(() => {
    enterFolderWith(shopFiles);
  });

  const write = (path: string, text: string) => () => {
    writeFiles(".", { [path]: text });
  };
  const remove = (path: string) => () => {
    rmSync(path, { recursive: true });
  };

  test.each<[string, () => void, string]>([
    [
      "a missing app folder",
      remove("apps/web"),
      'image "web": there is no folder apps/web; create it or correct the path',
    ],
    [
      "a file in place of an app folder",
      () => {
        rmSync("apps/web", { recursive: true });
        writeFileSync("apps/web", "");
      },
      'image "web": there is no folder apps/web; create it or correct the path',
    ],
    [
      "a missing Dockerfile",
      remove("apps/web/Dockerfile"),
      'image "web": there is no file apps/web/Dockerfile; create it or correct its path',
    ],
    [
      "a Dockerfile with a syntax error",
      write("apps/web/Dockerfile", "FROM nginx\nCOPPY . /srv\n"),
      'apps/web/Dockerfile:2: "COPPY" is not a Dockerfile instruction; allowed are ADD, ARG, CMD, COPY, ENTRYPOINT, ' +
        "ENV, EXPOSE, FROM, HEALTHCHECK, LABEL, MAINTAINER, ONBUILD, RUN, SHELL, STOPSIGNAL, USER, VOLUME, WORKDIR",
    ],
    [
      "a dangling link",
      () => {
        symlinkSync("nowhere", "apps/web/link");
      },
      'apps/web/link is a link to "nowhere", which is not among the files of apps/web; ' +
        "mend the link, remove it or list it in the ignore file",
    ],
    [
      "a missing chart folder",
      remove("charts/shop"),
      'chart "shop": there is no folder charts/shop; create it or correct the path',
    ],
    [
      "a missing Chart.yaml",
      remove("charts/shop/Chart.yaml"),
      'chart "shop": there is no file charts/shop/Chart.yaml; create it or correct its path',
    ],
    [
      "a missing values.yaml",
      remove("charts/shop/values.yaml"),
      'chart "shop": there is no file charts/shop/values.yaml; create it or correct its path',
    ],
    [
      "a chart without version",
      write("charts/shop/Chart.yaml", "name: shop\n"),
      'chart "shop": the version in charts/shop/Chart.yaml is missing; ' +
        "give a semantic version without build metadata, such as 0.1.1",
    ],
    [
      "a chart version that is a number",
      write("charts/shop/Chart.yaml", "name: shop\nversion: 1.2\n"),
      'chart "shop": the version in charts/shop/Chart.yaml is 1.2; ' +
        "give a semantic version without build metadata, such as 0.1.1",
    ],
    [
      "a chart version with build metadata",
      write("charts/shop/Chart.yaml", "name: shop\nversion: 1.2.3+4\n"),
      'chart "shop": the version in charts/shop/Chart.yaml is "1.2.3+4"; ' +
        "give a semantic version without build metadata, such as 0.1.1",
    ],
    [
      "a chart of another name",
      write("charts/shop/Chart.yaml", "name: store\nversion: 1.2.3\n"),
      'chart "shop": charts/shop/Chart.yaml names it "store"; ' +
        "use one name in both, since helm pushes under the one in Chart.yaml",
    ],
    [
      "values without a path that takes an image",
      write("charts/shop/values.yaml", "web: {image: {}}\n"),
      'chart "shop": charts/shop/values.yaml has no map at "api.image"; ' +
        "add one with repository, tag and digest, or correct the path of the image",
    ],
    [
      "a text in values where an image goes",
      write("charts/shop/values.yaml", "web: {image: nginx}\napi: {image: {}}\n"),
      'chart "shop": charts/shop/values.yaml has no map at "web.image"; ' +
        "add one with repository, tag and digest, or correct the path of the image",
    ],
    [
      "all at once",
      () => {
        rmSync("apps/web/Dockerfile");
        rmSync("apps/api", { recursive: true });
        writeFiles(".", { "charts/tools/values.yaml": "" });
      },
      'image "web": there is no file apps/web/Dockerfile; create it or correct its path\n' +
        'image "api": there is no folder apps/api; create it or correct the path\n' +
        'chart "tools": charts/tools/values.yaml has no map at "api.image"; ' +
        "add one with repository, tag and digest, or correct the path of the image",
    ],
  ])("%s", (_, spoil, message) => {
    spoil();
    expect(() => planShop()).toThrow(new InputError(message));
  });

  test.each<[string, Deliverables, string]>([
    [
      "an unknown image name",
      {
        ...shop,
        charts: { tools: { ...shop.charts.tools, images: { "api.image": "apy" } } },
      },
      'chart "tools": "api.image" takes image "apy"; deliverables.ts has web, api',
    ],
    [
      "an unknown target",
      { images: { web: { path: "apps/web", target: "final" } }, charts: {} },
      'image "web": apps/web/Dockerfile has no stage "final"; name one of its stages with AS',
    ],
  ])("%s", (_, catalog, message) => {
    expect(() => planShop(catalog)).toThrow(new InputError(message));
  });

  const letters = "lower-case letters and digits, with";
  test.each([
    ["image", "releases", "a name other than that of the release records"],
    ["image", "charts/shop", `${letters} ".", "_" or "-" between them`],
    ["image", "Web", `${letters} ".", "_" or "-" between them`],
    ["image", "web_", `${letters} ".", "_" or "-" between them`],
    ["chart", "Shop", `${letters} "." or "-" between them`],
    ["chart", "my_shop", `${letters} "." or "-" between them`],
  ])("the %s name %j", (kind, name, allowed) => {
    const catalog =
      kind === "image"
        ? { images: { [name]: { path: "apps/web" } }, charts: {} }
        : { ...shop, charts: { [name]: shop.charts.shop } };
    expect(() => planShop(catalog)).toThrow(
      `${kind} "${name}" names a repository, so it must have ${allowed}; give it another name in deliverables.ts`,
    );
  });

  test("names that a repository may have are taken", () => {
    for (const name of ["a__b.c--d", "0"])
      expect(
        planShop({ images: { [name]: { path: "apps/web" } }, charts: {} }).images,
      ).toHaveLength(1);
  });

  test("files above the largest size that is allowed, in images and charts", () => {
    const read = (): Plan => planShop(shop, { ...shopOptions, largestFile: 20 });
    expect(read).toThrow("apps/web/Dockerfile has 41 bytes, and files up to 20 bytes");
    expect(read).toThrow("charts/shop/Chart.yaml has 41 bytes, and files up to 20 bytes");
  });

  test("values that are not YAML, with the parser's own words", () => {
    writeFiles(".", { "charts/shop/values.yaml": "web: {image: {}\n" });
    expect(() => planShop()).toThrow(
      'chart "shop": charts/shop/values.yaml is not valid YAML: Flow map',
    );
  });
});
