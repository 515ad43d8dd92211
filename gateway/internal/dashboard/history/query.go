package history

import (
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	futurisysv1 "github.com/futurisys/futurisys/proto/gen/futurisys/v1"
)

// requestOf asks for the predictions of a question, or names the key of what is
// wrong with it.
func requestOf(query url.Values) (request *futurisysv1.ListPredictionsRequest, problem string) {
	request = &futurisysv1.ListPredictionsRequest{PageSize: pageSize, RiskBand: query.Get("risk_band")}
	if text := query.Get("employee"); text != "" {
		id, err := strconv.ParseInt(text, 10, 32)
		if err != nil || id < 1 {
			return nil, "problem_employee"
		}
		request.Employee = new(int32(id))
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
	for name, set := range map[string]func(time.Time){
		"from": func(day time.Time) { request.CreateTimeFrom = timestamppb.New(day) },
		"to":   func(day time.Time) { request.CreateTimeTo = timestamppb.New(day.AddDate(0, 0, 1)) },
	} {
		if text := query.Get(name); text != "" {
			day, err := time.ParseInLocation(time.DateOnly, text, time.Local) //nolint:gosmopolitan // the analysts' own clock: TZ
			if err != nil {
				return nil, "problem_date"
			}
			set(day)
		}
	}
	return request, ""
}
