variable "FOLDER" {}
variable "VERSION" {}

group "default" {
  targets = ["python-base", "tinyolly", "webui", "opamp-server", "demo"]
}

target "image" {
  platforms = ["linux/amd64"]
  output    = ["type=registry,registry.insecure=true"]
}

target "python-base" {
  inherits = ["image"]
  context  = "apps/python-base"
  tags     = ["${FOLDER}/python-base:${VERSION}"]
}

target "tinyolly" {
  inherits = ["image"]
  context  = "apps/tinyolly"
  contexts = { python-base = "target:python-base" }
  tags     = ["${FOLDER}/tinyolly:${VERSION}"]
}

target "webui" {
  inherits = ["image"]
  context  = "apps/tinyolly-ui"
  tags     = ["${FOLDER}/webui:${VERSION}"]
}

target "opamp-server" {
  inherits = ["image"]
  context  = "apps/opamp-server"
  tags     = ["${FOLDER}/opamp-server:${VERSION}"]
}

target "demo" {
  inherits = ["image"]
  context  = "apps/demo"
  contexts = { python-base = "target:python-base" }
  tags     = ["${FOLDER}/demo:${VERSION}"]
}
