#!/usr/bin/env bash
# Packages and pushes each of CHARTS and points Argo CD at it; input as scripts.sh has it, tags from .tinyolly/tags.
set -euo pipefail

image() { echo "{repository: $PULL_FOLDER/$1, tag: $(cat ".tinyolly/tags/$1")}"; }

values() {
  case $1 in
    tinyolly)
      echo "frontend: {image: $(image tinyolly)}"
      echo "otlpReceiver: {image: $(image tinyolly)}"
      echo "webui: {image: $(image webui)}"
      echo "opampServer: {image: $(image opamp-server)}"
      ;;
    tinyolly-demos)
      echo "frontend: {image: $(image demo)}"
      echo "backend: {image: $(image demo)}"
      ;;
  esac
}

archives=.tinyolly/charts
rm -rf $archives
for chart in $CHARTS; do
  sed --in-place --regexp-extended "s/^(version: [0-9.]+).*/\1-$VERSION/" "charts/$chart/Chart.yaml"
  helm package "charts/$chart" --destination "$archives"
  archive=("$archives/$chart"-[0-9]*.tgz)
  helm push "${archive[0]}" "oci://$FOLDER/charts" --insecure-skip-tls-verify
  kubectl apply --filename=- <<EOF
apiVersion: v1
kind: Secret
metadata:
  name: $chart-chart-repository
  namespace: $NAMESPACE
  labels: {argocd.argoproj.io/secret-type: repository}
stringData: {name: $chart, type: oci, url: oci://$PULL_FOLDER/charts/$chart, insecureOCIForceHttp: "true"}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: $chart, namespace: $NAMESPACE}
spec:
  project: default
  source:
    repoURL: oci://$PULL_FOLDER/charts/$chart
    path: .
    targetRevision: $(sed --quiet "s/^version: //p" "charts/$chart/Chart.yaml")
    helm:
      valuesObject:
$(values "$chart" | sed "s/^/        /")
  destination: {server: https://kubernetes.default.svc, namespace: $chart}
  syncPolicy: {automated: {prune: true, selfHeal: true}, syncOptions: [CreateNamespace=true]}
EOF
done
