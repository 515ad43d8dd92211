package gormstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
)

// auditRow is a row of audit_events.
type auditRow struct {
	Number        int64 `gorm:"primaryKey;autoIncrement"`
	CreateTime    instant
	Principal     string
	PrincipalName string
	Action        string
	EmployeeIDs   string // JSON
	Filter        string
	RequestID     string
	Refused       bool
}

// TableName is the table's name.
func (auditRow) TableName() string { return "audit_events" }

func auditToRow(e *store.AuditEvent) (auditRow, error) {
	ids := slices.Clone(e.EmployeeIDs)
	slices.Sort(ids)
	raw, err := json.Marshal(slices.Compact(ids))
	if err != nil {
		return auditRow{}, fmt.Errorf("write an audit event: %w", err)
	}
	if len(ids) == 0 {
		raw = []byte("[]") // and not null
	}
	return auditRow{
		CreateTime: at(e.Time), Principal: e.Principal, PrincipalName: e.PrincipalName, Action: e.Action, EmployeeIDs: string(raw),
		Filter: e.Filter, RequestID: e.RequestID, Refused: e.Refused,
	}, nil
}

func (r *auditRow) event() (store.AuditEvent, error) {
	out := store.AuditEvent{
		Number: r.Number, Time: r.CreateTime.Time, Principal: r.Principal, PrincipalName: r.PrincipalName, Action: r.Action,
		Filter: r.Filter, RequestID: r.RequestID, Refused: r.Refused,
	}
	if err := json.Unmarshal([]byte(r.EmployeeIDs), &out.EmployeeIDs); err != nil {
		return store.AuditEvent{}, fmt.Errorf("read audit event %d: %w", r.Number, err)
	}
	return out, nil
}

// AppendAuditEvents adds events; see store.Audits.
func (s *Store) AppendAuditEvents(ctx context.Context, events []store.AuditEvent) error {
	rows := make([]auditRow, len(events))
	for i := range events {
		var err error
		if rows[i], err = auditToRow(&events[i]); err != nil {
			return err
		}
	}
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		return tx.CreateInBatches(&rows, s.rowsPerInsert()).Error
	})
	if err == nil {
		err = s.file.check() // or what was written is gone with the process
	}
	if err != nil {
		return fmt.Errorf("keep %d audit events: %w", len(events), err)
	}
	return nil
}

// keepChange keeps the event of a change in its transaction, if its context has one. ids are
// whom it is about; none: the event says it.
func keepChange(tx *gorm.DB, ids ...int32) error {
	change := store.ChangeOf(tx.Statement.Context)
	if change == nil {
		return nil
	}
	event := change.AuditEvent
	event.Time = time.Now()
	if len(ids) > 0 {
		event.EmployeeIDs = ids
	}
	row, err := auditToRow(&event)
	if err != nil {
		return err
	}
	if err := tx.Create(&row).Error; err != nil {
		return fmt.Errorf("keep who did it: %w", err)
	}
	change.Kept = true // or the transaction fails, and the call with it
	return nil
}

// ListAuditEvents reads a page; see store.Audits.
func (s *Store) ListAuditEvents(ctx context.Context, query store.AuditQuery) (*store.Page[store.AuditEvent], error) {
	listed := s.read.WithContext(ctx).Order("number DESC").Limit(query.Limit + 1)
	if query.EmployeeID != 0 {
		if s.dialect == Postgres {
			listed = listed.Where("employee_ids @> to_jsonb(CAST(? AS integer))", query.EmployeeID)
		} else {
			listed = listed.Where("EXISTS (SELECT 1 FROM json_each(employee_ids) AS one WHERE one.value = ?)", query.EmployeeID)
		}
	}
	for _, condition := range []struct {
		set   bool
		sql   string
		value any
	}{
		{query.Principal != "", "principal = ?", query.Principal},
		{query.Action != "", "action = ?", query.Action},
		{!query.From.IsZero(), "create_time >= ?", at(query.From)},
		{!query.To.IsZero(), beforeTime, at(query.To)},
		{query.Before != 0, "number < ?", query.Before},
	} {
		if condition.set {
			listed = listed.Where(condition.sql, condition.value)
		}
	}
	var rows []auditRow
	if err := listed.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list audit events: %w", err)
	}
	page := &store.Page[store.AuditEvent]{}
	if page.More = len(rows) > query.Limit; page.More {
		rows = rows[:query.Limit]
	}
	for i := range rows {
		event, err := rows[i].event()
		if err != nil {
			return nil, err
		}
		page.Rows = append(page.Rows, event)
	}
	return page, nil
}
