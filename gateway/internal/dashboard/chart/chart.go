// Package chart draws on the server: SVG with a title and a description, coloured by
// the stylesheet's classes.
package chart

import (
	"fmt"
	"math"
	"strings"
)

// Text is what a chart says to those who do not see it.
type Text struct {
	ID          string // unique on its page
	Title       string
	Description string
}

// Bar is one signed bar.
type Bar struct {
	Label  string
	Amount float64
	Text   string // the amount for people
}

// Point is one point of a line.
type Point struct {
	X, Y float64
	Tip  string // shown when pointed at
}

// Mark is a line across a chart, with its name.
type Mark struct {
	At   float64
	Name string
}

// Tick is a place on an axis, with its name.
type Tick = Mark

// Sizes of the drawings, in the units of their viewBox.
const (
	barWidth   = 680.0
	barHeight  = 26.0
	labelWidth = 300.0
	amountEdge = 60.0

	plotWidth  = 640.0
	plotHeight = 260.0
	marginLeft = 52.0
	marginSide = 16.0
	marginTop  = 14.0
	marginFoot = 34.0
)

// barLayout is where bars stand: zero between the labels and the right edge, so that
// both signs have room.
type barLayout struct {
	zero, scale float64
}

func layOut(bars []Bar) barLayout {
	low, high := 0.0, 0.0
	for _, bar := range bars {
		low, high = math.Min(low, bar.Amount), math.Max(high, bar.Amount)
	}
	room := barWidth - labelWidth - 2*amountEdge
	scale := room / math.Max(high-low, 1e-12) //nolint:mnd // nothing moves
	return barLayout{zero: labelWidth + amountEdge - low*scale, scale: scale}
}

func (l barLayout) x(amount float64) float64     { return l.zero + math.Min(amount, 0)*l.scale }
func (l barLayout) width(amount float64) float64 { return math.Max(math.Abs(amount)*l.scale, 1) }

// textX is where the amount stands: beyond the bar's end.
func (l barLayout) textX(amount float64) float64 {
	const gap = 5
	if amount < 0 {
		return l.x(amount) - gap
	}
	return l.zero + amount*l.scale + gap
}

func anchor(amount float64) string {
	if amount < 0 {
		return "end"
	}
	return "start"
}

func barClass(amount float64) string {
	if amount < 0 {
		return "down"
	}
	return "up"
}

// plot is a rectangle with two axes.
type plot struct {
	lowX, highX, lowY, highY float64
}

func (p plot) x(value float64) float64 {
	return marginLeft + (value-p.lowX)/math.Max(p.highX-p.lowX, 1e-12)*(plotWidth-marginLeft-marginSide) //nolint:mnd // one point alone
}

func (p plot) y(value float64) float64 {
	return plotHeight - marginFoot - (value-p.lowY)/math.Max(p.highY-p.lowY, 1e-12)*(plotHeight-marginTop-marginFoot) //nolint:mnd // a flat line
}

// path joins points.
func (p plot) path(points []Point) string {
	var out strings.Builder
	for i, point := range points {
		command := "L"
		if i == 0 {
			command = "M"
		}
		fmt.Fprintf(&out, "%s%.1f %.1f", command, p.x(point.X), p.y(point.Y))
	}
	return out.String()
}

// around is the plot that all points and marks fit in.
func around(lines []Line, marks []Mark) plot {
	p := plot{math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)}
	for _, line := range lines {
		for _, point := range line.Points {
			p.lowX, p.highX = math.Min(p.lowX, point.X), math.Max(p.highX, point.X)
			p.lowY, p.highY = math.Min(p.lowY, point.Y), math.Max(p.highY, point.Y)
		}
	}
	for _, mark := range marks {
		p.lowY, p.highY = math.Min(p.lowY, mark.At), math.Max(p.highY, mark.At)
	}
	return p
}

// Line is one line of a plot.
type Line struct {
	Class  string // of the stylesheet: "line", "line-2", "line-3"
	Points []Point
	Dots   bool
}

// Plot is what a plot shows.
type Plot struct {
	Lines  []Line
	Across []Mark // horizontal
	Down   []Mark // vertical
	TicksX []Tick
	TicksY []Tick
	Unit   bool // the vertical axis is from 0 to 1
}

func (p *Plot) frame() plot {
	frame := around(p.Lines, p.Across)
	if p.Unit {
		frame.lowY, frame.highY = 0, 1
	}
	if frame.lowX == frame.highX { // one point alone stands in the middle
		frame.lowX, frame.highX = frame.lowX-1, frame.highX+1
	}
	return frame
}

func number(value float64) string { return fmt.Sprintf("%.1f", value) }

// tickAnchor keeps the last name of an axis inside the drawing.
func tickAnchor(i, count int) string {
	if count > 1 && i == count-1 {
		return "end"
	}
	return "middle"
}
