package sheet_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/futurisys/futurisys/services/platform/sheet"
)

// BenchmarkRead reads 50,000 lines of 27 cells.
func BenchmarkRead(b *testing.B) {
	const lines, columns = 50_000, 27
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
					read++
				}
				_ = table.Close()
			}
			b.ReportMetric(float64(read)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
