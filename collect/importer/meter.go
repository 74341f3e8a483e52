package importer

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// Meter shows the progress of an import to people: a bar with rate and remaining time
// on a terminal, a line every few seconds elsewhere.
type Meter struct {
	w        io.Writer
	progress *mpb.Progress // nil = lines
	bar      *mpb.Bar

	mu       sync.Mutex
	now      func() time.Time
	last     Progress
	phase    time.Time // when the phase began
	from     Progress  // as it was then
	nextLine time.Time
}

// lineEvery is how often a meter without a terminal writes.
const lineEvery = 5 * time.Second

// NewMeter writes to w, which is a terminal or not. Close it when the import has ended.
func NewMeter(w io.Writer, terminal bool) *Meter {
	m := &Meter{w: w, now: time.Now}
	if !terminal {
		return m
	}
	m.progress = mpb.New(mpb.WithOutput(w), mpb.WithWidth(48), mpb.WithRefreshRate(150*time.Millisecond))
	m.bar = m.progress.New(0, mpb.BarStyle().Lbound("").Rbound("").Filler("█").Tip("█").Padding("░"),
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return m.label() })),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return m.detail() })))
	return m
}

// Report is the function for Options.Progress.
func (m *Meter) Report(p Progress) {
	m.mu.Lock()
	if p.Phase != m.last.Phase {
		m.phase, m.from = m.now(), p
		m.nextLine = m.phase
	}
	note := p.Note
	m.last = p
	line := m.progress == nil && !m.now().Before(m.nextLine) && (p.Phase == PhaseSend || p.Phase == PhaseSettle)
	if line {
		m.nextLine = m.now().Add(lineEvery)
	}
	m.mu.Unlock()
	switch {
	case m.bar != nil:
		if note != "" {
			fmt.Fprintln(m.progress, note)
		}
		m.bar.SetTotal(max(p.TotalBytes, 1), false)
		m.bar.SetCurrent(min(p.Bytes, p.TotalBytes))
	case note != "":
		fmt.Fprintln(m.w, note)
	case line:
		fmt.Fprintln(m.w, m.label()+m.detail())
	}
}

// Close takes the bar away.
func (m *Meter) Close() {
	if m.bar != nil {
		m.bar.Abort(true)
		m.progress.Wait()
	}
}

func (m *Meter) label() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch m.last.Phase {
	case PhaseFingerprint:
		return "Reading   "
	case PhaseSkip:
		return "Skipping  "
	case PhaseSettle:
		return "Processing"
	}
	return "Importing "
}

// detail is the text behind the bar: rows, rate and the time that is left.
func (m *Meter) detail() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, elapsed := m.last, m.now().Sub(m.phase).Seconds()
	switch p.Phase {
	case PhaseFingerprint, PhaseSkip:
		return ""
	case PhaseSettle:
		return fmt.Sprintf(" %s rows sent, waiting for the warehouse", thousands(p.Rows))
	}
	text := fmt.Sprintf(" %s rows", thousands(p.Rows))
	if elapsed > 0.2 {
		text += fmt.Sprintf(" · %s/s", thousands(int64(float64(p.Rows-m.from.Rows)/elapsed)))
		if done := p.Bytes - m.from.Bytes; done > 0 && p.TotalBytes > p.Bytes {
			left := time.Duration(elapsed * float64(p.TotalBytes-p.Bytes) / float64(done) * float64(time.Second))
			text += " · " + left.Round(time.Second).String() + " left"
		}
	}
	if p.Rejected > 0 {
		text += fmt.Sprintf(" · %s to quarantine", thousands(p.Rejected))
	}
	return text
}
