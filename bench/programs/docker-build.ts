/** What one writes with the providers alone: images straight from `apps/`, helm in a command, Applications. */
import * as command from "@pulumi/command";
import * as dockerbuild from "@pulumi/docker-build";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

const config = new pulumi.Config();
const folder = config.require("folder");
const pullFolder = config.require("pullFolder");
const namespace = config.require("namespace");

const provider = new kubernetes.Provider("cluster", { context: config.require("kubeContext") });

const pythonBase = image("python-base", "python-base");
const images = {
  tinyolly: image("tinyolly", "tinyolly", pythonBase),
  webui: image("webui", "tinyolly-ui"),
  "opamp-server": image("opamp-server", "opamp-server"),
  demo: image("demo", "demo", pythonBase),
};

deploy("tinyolly", {
  frontend: "tinyolly",
  otlpReceiver: "tinyolly",
  webui: "webui",
  opampServer: "opamp-server",
});
deploy("tinyolly-demos", { frontend: "demo", backend: "demo" });

function image(name: string, app: string, base?: dockerbuild.Image): dockerbuild.Image {
  const named = base && {
    "python-base": { location: pulumi.interpolate`docker-image://${base.ref}` },
  };
  return new dockerbuild.Image(name, {
    tags: [`${folder}/${name}:bench`],
    context: { location: `apps/${app}`, ...(named && { named }) },
    platforms: [dockerbuild.Platform.Linux_amd64],
    builder: { name: "tinyolly" },
    push: false,
    exports: [{ raw: "type=registry,registry.insecure=true" }],
  });
}

function deploy(chart: string, taken: Record<string, keyof typeof images>): void {
  const path = `charts/${chart}`;
  const publish = new command.local.Command(chart, {
    create: `
      set -e
      version="$(sed -n 's/^version: //p' ${path}/Chart.yaml)-$(date +%s)"
      archives=$(mktemp -d)
      helm package ${path} --version "$version" --destination "$archives" >&2
      helm push "$archives"/*.tgz oci://${folder}/charts --insecure-skip-tls-verify >&2
      rm -r "$archives"
      printf %s "$version"`,
    triggers: [
      new pulumi.asset.FileArchive(path),
      ...Object.values(taken).map((name) => images[name].digest),
    ],
  });
  const source = `oci://${pullFolder}/charts/${chart}`;
  const repository = new kubernetes.core.v1.Secret(
    `${chart}-repository`,
    {
      metadata: {
        name: `${chart}-chart-repository`,
        namespace,
        labels: { "argocd.argoproj.io/secret-type": "repository" },
      },
      stringData: { name: chart, type: "oci", url: source, insecureOCIForceHttp: "true" },
    },
    { provider },
  );
  new kubernetes.apiextensions.CustomResource(
    `${chart}-application`,
    {
      apiVersion: "argoproj.io/v1alpha1",
      kind: "Application",
      metadata: { name: chart, namespace },
      spec: {
        project: "default",
        source: {
          repoURL: source,
          path: ".",
          targetRevision: publish.stdout,
          helm: {
            valuesObject: Object.fromEntries(
              Object.entries(taken).map(([key, name]) => [
                key,
                { image: { repository: `${pullFolder}/${name}`, digest: images[name].digest } },
              ]),
            ),
          },
        },
        destination: { server: "https://kubernetes.default.svc", namespace: chart },
        syncPolicy: {
          automated: { prune: true, selfHeal: true },
          syncOptions: ["CreateNamespace=true"],
        },
      },
    },
    { provider, dependsOn: repository },
  );
}
