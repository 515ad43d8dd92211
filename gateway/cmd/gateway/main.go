// Command gateway serves REST, the dashboard, the OpenAPI document and Swagger UI over
// HTTP, and reaches the services by gRPC.
package main

import "github.com/futurisys/futurisys/services/platform/config"

func main() {
	config.Main("gateway", "Serves REST, the dashboard and the documentation.", &settings{})
}
