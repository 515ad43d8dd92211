package ui

import (
	"net/url"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// EmployeeFilter is the employee that a question asks for; nil: any. problem is the key of
// what is wrong with it.
func EmployeeFilter(query url.Values) (employee *int32, problem string) {
	text := query.Get("employee")
	if text == "" {
		return nil, ""
	}
	id, err := strconv.ParseInt(text, 10, 32)
	if err != nil || id < 1 {
		return nil, "problem_employee"
	}
	return new(int32(id)), ""
}

// DayFilter are the days that a question asks for, the last one with all its hours; nil: open.
// problem is the key of what is wrong with them.
func DayFilter(query url.Values) (from, to *timestamppb.Timestamp, problem string) {
	day := func(name string, days int) *timestamppb.Timestamp {
		text := query.Get(name)
		if text == "" {
			return nil
		}
		found, err := time.ParseInLocation(time.DateOnly, text, time.Local) //nolint:gosmopolitan // the reader's own clock: TZ
		if err != nil {
			problem = "problem_date"
			return nil
		}
		return timestamppb.New(found.AddDate(0, 0, days))
	}
	from, to = day("from", 0), day("to", 1)
	return from, to, problem
}
