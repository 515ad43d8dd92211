#!/bin/sh
# Generates the Go code of the protos and the OpenAPI document, with the tools in
# bin/ (see scripts/tools). Called by `make generate`.
set -eu
cd "$(dirname "$0")/../.."

parts=proto/gen/openapi/futurisys
merged=$(mktemp)
trap 'rm -rf "$merged" "$parts"' EXIT

rm -rf proto/gen/futurisys proto/gen/onnx
bin/buf generate
bin/buf generate --path proto/third_party/onnx --template '{"version": "v2", "plugins": [{
  "local": "bin/protoc-gen-go", "out": "proto/gen", "opt": ["module=github.com/futurisys/futurisys/proto/gen",
    "Monnx/onnx-ml.proto=github.com/futurisys/futurisys/proto/gen/onnx"]}]}'
bin/openapiv3-merge "$parts"/v1/*.json >"$merged"
(cd proto && go run ./cmd/openapi "$merged") >proto/gen/openapi/futurisys.openapi.json.new
mv proto/gen/openapi/futurisys.openapi.json.new proto/gen/openapi/futurisys.openapi.json
(cd proto && go run ./cmd/errordocs ../docs/errors.md)
scripts/dev/keys.sh >services/platform/config/keys.txt
