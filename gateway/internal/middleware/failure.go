package middleware

import (
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/status"

	"github.com/futurisys/futurisys/proto/catalogue"
	"github.com/futurisys/futurisys/services/platform/apierr"
)

// Fail answers a request with an error.
type Fail func(http.ResponseWriter, *http.Request, error)

// HTTPCode is the HTTP code of an error, by its reason.
func HTTPCode(err error) int {
	seen, _ := apierr.Hide(err)
	if known := catalogue.Code(apierr.ReasonOf(seen)); known != nil {
		return int(known.GetHttp())
	}
	return runtime.HTTPStatusFromCode(status.Code(seen))
}
