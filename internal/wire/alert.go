package wire

// The content of an alert record (RFC 9846 §6).

import (
	"strconv"

	"github.com/watchword-tls/watchword/alert"
)

// ParseAlert parses the content of an alert record: exactly one alert.
func ParseAlert(content []byte, rec *Fields) (alert.Level, alert.Description, error) {
	r := newReader(content, "Alert", "RFC 9846 §6", rec)
	level := alert.Level(r.uint8("level"))
	if r.ok() && level != alert.Warning && level != alert.Fatal {
		r.illegal("level", "neither warning(1) nor fatal(2) but "+strconv.Itoa(int(level)))
	}
	d := alert.Description(r.uint8("description"))
	r.note(d.String)
	r.done()
	return level, d, *r.err
}

// AppendAlert appends the content of an alert record.
func AppendAlert(b []byte, d alert.Description) []byte {
	return append(b, byte(d.Level()), byte(d))
}
