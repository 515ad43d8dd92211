package gormstore_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/futurisys/futurisys/services/persistence/internal/store"
	"github.com/futurisys/futurisys/services/persistence/internal/store/gormstore"
	"github.com/futurisys/futurisys/services/persistence/internal/store/storetest"
)

// Behind pgbouncer in transaction mode a session is another one for each transaction:
// prepared statements and locks of a session are lost, or somebody else's.
func TestStoreBehindAPooler(t *testing.T) {
	pooler, err := server.StartPooler()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pooler.Stop(); err != nil {
			t.Error(err)
		}
	})
	through := func(t *testing.T) string {
		t.Helper()
		behind, err := url.Parse(postgresURL(t))
		if err != nil {
			t.Fatal(err)
		}
		found, err := pooler.Database(strings.TrimPrefix(behind.Path, "/"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	t.Run("the suite", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) store.Store {
			t.Helper()
			rows := open(t, through(t))
			if err := rows.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			return rows
		})
	})
	t.Run("two copies under load", func(t *testing.T) {
		address := through(t)
		copies := []*gormstore.Store{openMigrated(t, address), openMigrated(t, address)}
		var all sync.WaitGroup
		failures := make(chan error, 160)
		for i := range cap(failures) {
			all.Go(func() {
				row := store.Prediction{ID: uuid.NewString(), Kind: store.Score, CreateTime: time.Now()}
				_, err := copies[i%2].RecordPredictions(context.Background(), []store.Prediction{row}, false)
				if err == nil {
					_, err = copies[(i+1)%2].ListPredictions(context.Background(), store.PredictionQuery{Limit: 3})
				}
				failures <- err
			})
		}
		all.Wait()
		close(failures)
		failed := 0
		for err := range failures {
			if err != nil {
				failed++
				fmt.Fprintln(os.Stderr, err)
			}
		}
		if failed > 0 {
			t.Errorf("%d of %d failed", failed, cap(failures))
		}
	})
}
