package outbox_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/futurisys/futurisys/services/inference/internal/outbox"
)

const childVariable = "OUTBOX_TEST_CHILD"

func TestMain(m *testing.M) {
	if folder := os.Getenv(childVariable); folder != "" {
		child(folder)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// child puts rows for ever and prints each when it is kept, so that the test can
// kill it at any moment; with OUTBOX_TEST_FILE_BYTES files cannot grow beyond that,
// which is what a full disk looks like to a program. With OUTBOX_TEST_EMPTY it then
// deletes them all.
func child(folder string) {
	if limit, err := strconv.ParseUint(os.Getenv("OUTBOX_TEST_FILE_BYTES"), 10, 64); err == nil {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
			panic(err)
		}
	}
	box, err := outbox.Open(folder, large, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Println(err)
		return
	}
	if os.Getenv("OUTBOX_TEST_EMPTY") != "" {
		fillAndEmpty(box)
		return
	}
	for n := 0; ; n++ {
		e := entry(n)
		e.Value = append(e.Value, bytes.Repeat([]byte(" "), 600)...)
		if _, err := box.Put([]outbox.Entry{e}); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("kept", n)
	}
}

// fillAndEmpty puts short rows until there is no more room and then deletes them all.
func fillAndEmpty(box *outbox.Outbox) {
	for n, err := 0, error(nil); err == nil; {
		var entries []outbox.Entry
		for range 20 {
			e := entry(n)
			e.Retried = true
			entries = append(entries, e)
			n++
		}
		_, err = box.Put(entries)
	}
	fmt.Println("full:", box.Stats().Rows)
	for {
		entries, err := box.Oldest(1_000)
		if err == nil {
			err = box.Delete(entries)
		}
		if err != nil || len(entries) == 0 {
			fmt.Println(box.Stats().Rows, "left", err)
			return
		}
	}
}

func TestWhatWasKeptSurvivesAKill(t *testing.T) {
	for round := range 5 {
		folder := t.TempDir()
		command := exec.Command(os.Args[0])
		command.Env = []string{childVariable + "=" + folder}
		var out bytes.Buffer
		command.Stdout = &out
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(200+round*37) * time.Millisecond)
		if err := command.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = command.Wait()
		kept := strings.Count(out.String(), "kept")
		rows := open(t, folder, large).Stats().Rows
		if kept == 0 || rows < int64(kept) || rows > int64(kept)+1 {
			t.Errorf("%d rows were kept, %d are there", kept, rows)
		}
	}
}
