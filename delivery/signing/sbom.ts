import { fewNames } from "../basics/few-names.ts";
import { fields } from "../basics/json-fields.ts";
import { ociPurl } from "./package-url.ts";

/** A part of a {@link SpdxDocument}. */
type Json = Readonly<Record<string, unknown>>;

/** An SPDX 2.3 document; only the fields that are read here have types. */
export interface SpdxDocument extends Json {
  readonly spdxVersion: "SPDX-2.3";
  readonly packages: readonly Json[];
  readonly relationships: readonly Json[];
}

/** What an image's list is about. */
export interface ListedImage {
  readonly name: string;
  /** `sha256:…` of the platform's manifest. */
  readonly digest: string;
  /** Such as `linux/arm64`. */
  readonly platform: string;
}

/** What a chart's list is about. */
export interface ListedChart {
  readonly name: string;
  readonly version: string;
  readonly digest: string;
  readonly images: readonly { readonly name: string; readonly digest: string }[];
}

/** How often each licence occurs, and the packages of which none is known. */
export interface Licences {
  /** Packages without the image itself. */
  readonly packages: number;
  /** Number of packages by SPDX expression. */
  readonly counts: Readonly<Record<string, number>>;
  /** Names of packages, sorted. */
  readonly unknown: readonly string[];
}

/** For lists of what was in no Git repository; SPDX requires a time. */
const noTime = "1970-01-01T00:00:00Z";
const namespaceRoot = "https://tinyolly.dev/spdx";
const noAssertion = "NOASSERTION";
const mostNamed = 5;
const rootId = "SPDXRef-DocumentRoot";
const documentId = "SPDXRef-DOCUMENT";

/**
 * Makes of what syft found in an image a list that is the same for the same digest: without files, which are many times
 * as long as the packages, without the clock and the registry's name.
 *
 * @param found syft's document.
 * @param time ISO 8601; the sources' own. @default 1970
 */
export function imageSbom(found: unknown, image: ListedImage, time = noTime): SpdxDocument {
  const { packages, relationships, creationInfo, hasExtractedLicensingInfos } = fields(found);
  const described = list(relationships).find((one) => one["relationshipType"] === "DESCRIBES");
  const root = described?.["relatedSpdxElement"];
  const rename = (id: unknown): unknown => (id === root ? rootId : id);
  const others = list(packages).filter(({ SPDXID }) => SPDXID !== root);
  const ids = new Set<unknown>([rootId, documentId, ...others.map(({ SPDXID }) => SPDXID)]);
  const architecture = image.platform.split("/")[1] ?? "";
  return {
    ...header(`${image.name} ${image.platform}`, `image/${image.name}`, image.digest),
    creationInfo: { ...fields(creationInfo), created: time },
    packages: [
      rootPackage(image.name, image.digest, ociPurl(image.name, image.digest, architecture)),
      ...others.map(withoutFiles).sort(byText(({ SPDXID }) => String(SPDXID))),
    ],
    relationships: list(relationships)
      .map((one) => ({
        ...one,
        spdxElementId: rename(one["spdxElementId"]),
        relatedSpdxElement: rename(one["relatedSpdxElement"]),
      }))
      .filter((one) => ids.has(one.spdxElementId) && ids.has(one.relatedSpdxElement))
      .sort(byText((one) => JSON.stringify([one.spdxElementId, one.relatedSpdxElement]))),
    ...(Array.isArray(hasExtractedLicensingInfos) ? { hasExtractedLicensingInfos } : {}),
  };
}

/** Lists a chart and the images that it runs. */
export function chartSbom(chart: ListedChart, time = noTime): SpdxDocument {
  const images = chart.images.map(({ name, digest }) => ({
    ...rootPackage(name, digest, ociPurl(name, digest)),
    SPDXID: `SPDXRef-Image-${name.replaceAll(/[^\w.-]/g, "-")}`,
  }));
  return {
    ...header(`${chart.name} ${chart.version}`, `chart/${chart.name}`, chart.digest),
    creationInfo: { created: time, creators: ["Tool: tinyolly-delivery"] },
    packages: [
      {
        ...rootPackage(chart.name, chart.digest, ociPurl(chart.name, chart.digest)),
        versionInfo: chart.version,
        primaryPackagePurpose: "APPLICATION",
      },
      ...images,
    ],
    relationships: [
      relationship(documentId, "DESCRIBES", rootId),
      ...images.map(({ SPDXID }) => relationship(rootId, "DEPENDS_ON", SPDXID)),
    ],
  };
}

/** Reads a list of a signed statement; undefined when it is none in SPDX 2.3. */
export function readSbom(predicate: unknown): SpdxDocument | undefined {
  const { spdxVersion, packages, relationships } = fields(predicate);
  return spdxVersion === "SPDX-2.3" && Array.isArray(packages) && Array.isArray(relationships)
    ? // Its typed fields were looked at above.
      (predicate as SpdxDocument)
    : undefined;
}

/** `sha256:…` of what the list says that it is about; undefined where it does not say it. */
export function describedDigest(document: SpdxDocument): string | undefined {
  const { checksums } = fields(list(document.packages).find(isRoot(document)));
  const sum = list(checksums).find(({ algorithm }) => algorithm === "SHA256");
  return sum && `sha256:${String(sum["checksumValue"])}`;
}

/** The licences of a list, as its packages declare them. */
export function licencesOf(document: SpdxDocument): Licences {
  const names = new Map(
    list(document["hasExtractedLicensingInfos"]).map(({ licenseId, name }) => [
      licenseId,
      String(name),
    ]),
  );
  const packages = list(document.packages).filter((one) => !isRoot(document)(one));
  const counts: Record<string, number> = {};
  const unknown: string[] = [];
  for (const { name, licenseConcluded, licenseDeclared } of packages) {
    const licence = [licenseConcluded, licenseDeclared].find(isLicence);
    if (licence === undefined) unknown.push(String(name));
    else {
      const text = names.get(licence) ?? licence;
      counts[text] = (counts[text] ?? 0) + 1;
    }
  }
  const sorted = Object.entries(counts).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return {
    packages: packages.length,
    counts: Object.fromEntries(sorted),
    unknown: unknown.sort(),
  };
}

/** Licences for people, those that occur most first: `3 MIT, 1 Apache-2.0; unknown for 1: base-files`. */
export function describeLicences({ counts, unknown }: Licences): string {
  const all = Object.entries(counts).map(([licence, count]) => `${count} ${licence}`);
  const known = all.length === 0 ? "none known" : fewNames(all, mostNamed);
  return unknown.length === 0
    ? known
    : `${known}; unknown for ${unknown.length}: ${fewNames(unknown, mostNamed)}`;
}

function header(name: string, path: string, digest: string) {
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: documentId,
    name,
    documentNamespace: `${namespaceRoot}/${path}/${digest.replace("sha256:", "")}`,
  } as const;
}

function rootPackage(name: string, digest: string, purl: string) {
  return {
    SPDXID: rootId,
    name,
    versionInfo: digest,
    supplier: noAssertion,
    downloadLocation: noAssertion,
    filesAnalyzed: false,
    checksums: [{ algorithm: "SHA256", checksumValue: digest.replace("sha256:", "") }],
    licenseConcluded: noAssertion,
    licenseDeclared: noAssertion,
    copyrightText: noAssertion,
    externalRefs: [
      {
        referenceCategory: "PACKAGE-MANAGER",
        referenceType: "purl",
        referenceLocator: purl,
      },
    ],
    primaryPackagePurpose: "CONTAINER",
  };
}

function relationship(from: string, type: string, to: string): Json {
  return { spdxElementId: from, relationshipType: type, relatedSpdxElement: to };
}

function isRoot({ relationships }: SpdxDocument): (one: Json) => boolean {
  const described = list(relationships).find((one) => one["relationshipType"] === "DESCRIBES");
  return ({ SPDXID }) => SPDXID !== undefined && SPDXID === described?.["relatedSpdxElement"];
}

/** Files are left out, and with them the sum over them. */
function withoutFiles(one: Json): Json {
  const left = ["packageVerificationCode", "hasFiles"];
  const kept = Object.entries(one).filter(([field]) => !left.includes(field));
  return { ...Object.fromEntries(kept), filesAnalyzed: false };
}

function isLicence(licence: unknown): licence is string {
  return typeof licence === "string" && ![noAssertion, "NONE", ""].includes(licence);
}

function list(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map(fields) : [];
}

function byText<Item>(text: (item: Item) => string): (a: Item, b: Item) => number {
  return (a, b) => (text(a) < text(b) ? -1 : 1);
}
