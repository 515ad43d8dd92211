package sheet_test

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/futurisys/futurisys/services/platform/sheet"
)

// BenchmarkRead reads 100,000 lines of 27 cells, and says how far the heap grows meanwhile.
func BenchmarkRead(b *testing.B) {
	const lines, columns = 100_000, 27
	rows := make([][]any, lines+1)
	var text strings.Builder
	for i := range rows {
		rows[i] = make([]any, columns)
		for at := range columns {
			rows[i][at] = fmt.Sprintf("valeur %d", (i+at)%50)
		}
		fmt.Fprintln(&text, strings.Trim(strings.ReplaceAll(fmt.Sprint(rows[i]), " v", ",v"), "[]"))
	}
	for name, content := range map[string][]byte{"csv": []byte(text.String()), "xlsx": workbook(b, rows)} {
		b.Run(name, func(b *testing.B) {
			read := 0
			base := heap()
			peak := base
			for b.Loop() {
				table, err := sheet.Open(sheet.File{content})
				if err != nil {
					b.Fatal(err)
				}
				for {
					if _, err := table.Next(); errors.Is(err, io.EOF) {
						break
					} else if err != nil {
						b.Fatal(err)
					}
					if read++; read%1_000 == 0 {
						peak = max(peak, heap())
					}
				}
				_ = table.Close()
			}
			b.ReportMetric(float64(read)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(peak-base)/(1<<20), "MB-peak")
		})
	}
}

// heap is how much of the heap is in use.
func heap() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapInuse
}
