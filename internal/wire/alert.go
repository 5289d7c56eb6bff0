package wire

// The content of an alert record (RFC 9846 §6).

import (
	"strconv"

	"github.com/watchword-tls/watchword/alert"
)

// ParseAlert parses the content of an alert record: exactly one alert.
//
// A receiver may ignore the level (RFC 9846 §6) and ours acts on none. One that
// is not in the enum is refused all the same, as any invalid enum is: it tells
// of a peer gone wrong.
func ParseAlert(content []byte, rec *Fields) (alert.Level, alert.Description, error) {
	r := newReader(content, "alert", "RFC 9846 §6", rec)
	level := r.uint8("level")
	describe(r, level, levelName)
	d := alert.Description(r.uint8("description"))
	describe(r, d, alert.Description.String)
	r.done()
	if l := alert.Level(level); r.ok() && l != alert.Warning && l != alert.Fatal {
		r.illegal("level", "neither warning(1) nor fatal(2) but "+strconv.Itoa(int(level)))
	}
	return alert.Level(level), d, *r.err
}

// AppendAlert appends the content of an alert record.
func AppendAlert(b []byte, d alert.Description) []byte {
	return append(b, byte(d.Level()), byte(d))
}
