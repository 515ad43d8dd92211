// Package openapi holds the generated OpenAPI 3.1 document of the REST API. This
// file is the only one under gen/ that is written by hand.
package openapi

import _ "embed"

// Document is the document, JSON.
//
//go:embed futurisys.openapi.json
var Document []byte
