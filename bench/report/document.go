package report

// Putting the tables into the document that shows them. Each stands between
// two comments, which no reader sees; what is around them stays as it is.

import (
	"fmt"
	"os"
	"strings"
)

// Document is a document with places for tables.
type Document struct{ path, text string }

// Open reads the document, which must have a place for each table:
// better to know before all of them are made.
func Open(path string, tables []string) (*Document, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d := &Document{path, string(b)}
	for _, name := range tables {
		if err := d.Replace(name, ""); err != nil {
			return nil, err
		}
	}
	d.text = string(b)
	return d, nil
}

// Replace puts a table into its place.
func (d *Document) Replace(name, table string) error {
	begin, end := "<!-- table "+name+" -->\n", "<!-- end of table "+name+" -->\n"
	before, rest, ok := strings.Cut(d.text, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no place for the table %s: it needs the lines %q and %q", d.path, name, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	d.text = before + begin + "\n" + strings.TrimSpace(table) + "\n\n" + end + after
	return nil
}

// Save writes the document back.
func (d *Document) Save() error { return os.WriteFile(d.path, []byte(d.text), 0o644) }
