import compare from "semver/functions/compare.js";
import inc from "semver/functions/inc.js";
import parse from "semver/functions/parse.js";
import { fewNames } from "../basics/few-names.ts";
import { InputError } from "../basics/input-error.ts";
import { shortHash } from "../basics/sha256.ts";
import type { GitFacts } from "../sources/git-facts.ts";

/** Version of a chart as `Chart.yaml` holds it: semantic version 2 without build metadata, which OCI tags cannot hold. */
export const chartVersionPattern =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(?:0|[1-9]\d*|\d*[a-z-][0-9a-z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-z-][0-9a-z-]*))*)?$/i;

/** Where versions come from: `content` derives them from keys, `git-tag` takes the release from a tag on HEAD. */
export type Versioning = "content" | "git-tag";

/** What decides tags and versions besides the content. */
export interface VersionScheme {
  /** Line of releases that development versions lead to, such as `v2.1`. @default - none, so tags are `h<key>` */
  readonly line?: string | undefined;
  /** Release such as `v2.1.8` that replaces derived versions; undefined derives them. */
  readonly release?: string | undefined;
}

/** The release that is made, or what stands in its way; neither where content decides. */
export interface ReleaseChoice {
  readonly release?: string;
  /** Each with what to do. */
  readonly problems: readonly string[];
}

/** Whether `text` is a release: a semantic version after a `v`, without build metadata, which OCI tags cannot hold. */
export function isRelease(text: string): boolean {
  return text.startsWith("v") && chartVersionPattern.test(text.slice(1));
}

/**
 * Decides which release is made. One that is named wins; otherwise, with `git-tag`, the one annotated tag `vX.Y.Z` of a
 * clean tree does.
 *
 * @param named Setting `release`; `""` names none.
 * @param git Undefined where the sources are in no Git repository.
 * @param own Version in package.json, such as `2.1.0`: the first release of its line.
 * @param asked Release that it must be (`RELEASE=`); `""` asks for none.
 */
export function chooseRelease(
  versioning: Versioning,
  named: string,
  git: () => GitFacts | undefined,
  own: string,
  asked = "",
): ReleaseChoice {
  if (named !== "") {
    if (!isRelease(named)) {
      return {
        problems: [
          `"release" is "${named}", but must be a semantic version after a v and without build metadata, such as v2.1.8; ` +
            `set it with: pulumi config set release …`,
        ],
      };
    }
    if (asked !== "" && asked !== named) {
      return {
        problems: [
          `"release" is "${named}", so no other one can be made; leave RELEASE=${asked} out, ` +
            `or set it with: pulumi config set release ${asked}`,
        ],
      };
    }
    return { release: named, problems: [] };
  }
  if (versioning === "content") return { problems: [] };
  const facts = git();
  if (!facts) {
    return {
      problems: [
        `a release takes its version from a Git tag, and this folder is in no Git repository; ` +
          `release from a clone, or name the version: pulumi config set release v2.1.8`,
      ],
    };
  }
  const tagged = releaseTag(facts, own, asked);
  const problems = [...treeProblems(facts), ...("problem" in tagged ? [tagged.problem] : [])];
  return "problem" in tagged || problems.length > 0
    ? { problems }
    : { release: tagged.release, problems };
}

function treeProblems({ shallow, dirty }: GitFacts): string[] {
  return [
    ...(shallow
      ? [
          `the clone is shallow, so its tags cannot be relied on; fetch the rest with: git fetch --unshallow --tags ` +
            `(in CI, check out with fetch-depth: 0)`,
        ]
      : []),
    ...(dirty.length > 0
      ? [
          `the tree is not as the commit has it: ${fewNames(dirty)}; commit and tag that, or put it aside with: ` +
            `git stash --include-untracked`,
        ]
      : []),
  ];
}

/** The one release among the tags of HEAD. */
function releaseTag(
  facts: GitFacts,
  own: string,
  asked: string,
): { readonly release: string } | { readonly problem: string } {
  const { commit, tags, known } = facts;
  const head = `HEAD (${commit.slice(0, 10)})`;
  const releases = tags.filter(({ name }) => isRelease(name));
  const names = releases.map(({ name }) => name);
  const wanted = asked === "" ? expectedRelease(facts, own) : asked;
  const tag = `git tag --annotate ${wanted} --message ${wanted}`;
  const checkOut = `check out the commit that has ${wanted}: git checkout ${wanted}`;
  if (names.length === 0) {
    const others = tags.map(({ name }) => name).join(", ");
    const has =
      others === ""
        ? "has no tag"
        : `has ${others}, which ${tags.length === 1 ? "is" : "are"} no version such as v2.1.8`;
    return {
      problem: `${head} ${has}; ${known.includes(wanted) ? checkOut : `tag it with: ${tag}`}`,
    };
  }
  const kept = releases.find(({ name }) => name === wanted);
  if (!kept) {
    const has = `has the tag${names.length === 1 ? "" : "s"} ${names.join(" and ")}`;
    const cure = known.includes(wanted)
      ? checkOut
      : `check out the commit that is to be ${wanted} and tag it with: ${tag}`;
    return {
      problem: `${head} ${has}, so it cannot be released as ${wanted}; leave RELEASE=${wanted} out, or ${cure}`,
    };
  }
  if (names.length > 1) {
    const others = names.filter((name) => name !== wanted).join(" ");
    return {
      problem: `${head} has the tags ${names.join(" and ")}, and a release has one version; delete all but one: git tag --delete ${others}`,
    };
  }
  if (!kept.annotated) {
    return {
      problem:
        `${wanted} is a lightweight tag, which anybody can move unseen; make it an annotated one: ` +
        `git tag --annotate --force ${wanted} --message ${wanted} ${wanted}^{}`,
    };
  }
  return { release: wanted };
}

/**
 * The release that HEAD is meant to be: that of its first tag that is one, else the patch release after the newest tag, or the
 * project's own version (`2.1.0`) where no tag has come so far.
 */
export function expectedRelease(git: GitFacts | undefined, own: string): string {
  const tagged = git?.tags.find(({ name }) => isRelease(name));
  return tagged?.name ?? nextRelease(git?.known ?? [], own);
}

function nextRelease(known: readonly string[], own: string): string {
  const newest = known
    .filter((tag) => isRelease(tag) && !isPrerelease(tag))
    .sort(compare)
    .at(-1);
  if (newest === undefined || compare(newest, own) < 0) return `v${own}`;
  return `v${inc(newest, "patch") ?? own}`;
}

/** Whether a release comes before the one that it names, as `v2.1.8-rc.1` does. */
export function isPrerelease(release: string): boolean {
  return (parse(release)?.prerelease.length ?? 0) > 0;
}

/** Releases from the newest to the oldest by their versions; names that are none come last, in reverse. */
export function newestFirst(names: readonly string[]): string[] {
  return [...names].sort(newerFirst);
}

/** Order of {@link newestFirst}. */
export function newerFirst(a: string, b: string): number {
  if (isRelease(a) && isRelease(b)) return compare(b, a);
  if (isRelease(a) !== isRelease(b)) return isRelease(a) ? -1 : 1;
  return a < b ? 1 : a > b ? -1 : 0;
}

/**
 * The aliases that a release takes: those of which it is the newest one. A pre-release, or content without a release, takes none,
 * and a patch of an older line leaves those of the newer ones where they are.
 *
 * @param templates Such as `latest` and `v{major}.{minor}`.
 * @param published Releases that the registry has.
 */
export function takenAliases(
  templates: readonly string[],
  release: string,
  published: readonly string[],
): string[] {
  if (!isRelease(release) || isPrerelease(release)) return [];
  const rivals = published.filter((other) => isRelease(other) && !isPrerelease(other));
  return templates
    .filter((template) => {
      const alias = fillAlias(template, release);
      return rivals.every(
        (rival) => fillAlias(template, rival) !== alias || compare(rival, release) <= 0,
      );
    })
    .map((template) => fillAlias(template, release));
}

/** Says what is wrong with the template of an alias; undefined when it is right. */
export function aliasProblem(template: string): string | undefined {
  const alias = fillAlias(template, "v1.2.3");
  const fits = /^[a-z0-9_][a-z0-9_.-]{0,127}$/i.test(alias) && !isRelease(alias);
  return fits
    ? undefined
    : "tags that are no version, such as latest, v{major} or v{major}.{minor}";
}

function fillAlias(template: string, release: string): string {
  const { major = 0, minor = 0 } = parse(release) ?? {};
  return template.replaceAll("{major}", String(major)).replaceAll("{minor}", String(minor));
}

/** The next patch version after a chart's own that nobody has published. */
export function nextFreeVersion(own: string, published: readonly string[]): string {
  let next = own;
  do next = inc(next, "patch") ?? own;
  while (published.includes(next));
  return next;
}

/** Line of releases (`v2.1`) of a version (`2.1.0`). */
export function releaseLine(version: string): string {
  const match = /^v?(\d+)\.(\d+)\./.exec(version);
  if (!match)
    throw new InputError(
      `"${version}" is not a version such as 2.1.0; give package.json one of the form MAJOR.MINOR.PATCH`,
    );
  return `v${match[1]}.${match[2]}`;
}

/** Tag under which people find an image: the release, else the one of its content. */
export function imageTag(scheme: VersionScheme, key: string): string {
  return scheme.release ?? contentTag(scheme, key);
}

/** Tag under which an image is pushed: `v2.1.x-h<key>`, or `h<key>` without a line. It changes with the content and only with it. */
export function contentTag({ line }: VersionScheme, key: string): string {
  return line === undefined ? keyTag(key) : `${line}${contentTagEnd(key)}`;
}

/** What a {@link contentTag} has after its line of releases. */
export function contentTagEnd(key: string): string {
  return `.x-${keyTag(key)}`;
}

function keyTag(key: string): string {
  // The letter before the key keeps an all-digit key with a leading zero a valid semantic version.
  return `h${shortHash(key)}`;
}

/** Version of a chart: its own in a release, else `<own>-v2.1.x-h<key>`. */
export function chartVersion(scheme: VersionScheme, ownVersion: string, key: string): string {
  return scheme.release === undefined ? `${ownVersion}-${contentTag(scheme, key)}` : ownVersion;
}
