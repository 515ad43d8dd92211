package history

import (
	"net/url"
	"strconv"

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/gateway/internal/dashboard/ui"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// requestOf asks for the predictions of a question, or names the key of what is
// wrong with it.
func requestOf(query url.Values) (request *futurisysv1.ListPredictionsRequest, problem string) {
	request = &futurisysv1.ListPredictionsRequest{PageSize: pageSize, RiskBand: query.Get("risk_band")}
	if request.Employee, problem = ui.EmployeeFilter(query); problem != "" {
		return nil, problem
	}
	if text := query.Get("version"); text != "" {
		version, err := strconv.ParseInt(text, 10, 32)
		if err != nil || version < 1 {
			return nil, "problem_version"
		}
		request.Version = int32(version)
	}
	if text := query.Get("batch"); text != "" {
		if uuid.Validate(text) != nil {
			return nil, "problem_batch"
		}
		request.BatchId = text
	}
	if request.CreateTimeFrom, request.CreateTimeTo, problem = ui.DayFilter(query); problem != "" {
		return nil, problem
	}
	return request, ""
}
