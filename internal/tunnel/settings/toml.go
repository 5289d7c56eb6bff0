package settings

// The grammar of the file: tables, keys and values with their lines. What they
// mean is load.go's.

import (
	"bytes"
	"errors"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// entry is a key with its value.
type entry struct {
	name  string
	line  int
	value value
}

// section is the top of the file, or one [[service]].
type section struct {
	name    string // "" for the top
	array   bool   // [[ ]]
	line    int
	entries []entry
}

// sections reads the file. Behind a mistake of grammar nothing can be read.
func sections(data []byte) ([]section, *Problem) {
	var p unstable.Parser
	p.Reset(data)
	list := []section{{}}
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			name, line := keyOf(&p, data, e.Key())
			list = append(list, section{name: name, array: e.Kind == unstable.ArrayTable, line: line})
		case unstable.KeyValue:
			name, line := keyOf(&p, data, e.Key())
			last := &list[len(list)-1]
			last.entries = append(last.entries, entry{name, line, valueOf(e.Value())})
		}
	}
	if err := p.Error(); err != nil {
		return list, syntaxProblem(&p, data, err)
	}
	return list, nil
}

func syntaxProblem(p *unstable.Parser, data []byte, err error) *Problem {
	var where *unstable.ParserError
	line, text := 0, err.Error()
	if errors.As(err, &where) {
		text = where.Message
		if len(where.Highlight) > 0 {
			line = lineAt(data, int(p.Range(where.Highlight).Offset))
		} else {
			line = lineAt(data, len(data))
		}
	}
	return &Problem{Line: line, Text: "this is not TOML: " + text}
}

// keyOf returns a key, its parts joined by dots, and its line.
func keyOf(p *unstable.Parser, data []byte, parts unstable.Iterator) (name string, line int) {
	var names []string
	for parts.Next() {
		n := parts.Node()
		if line == 0 {
			line = lineAt(data, int(n.Raw.Offset))
		}
		names = append(names, string(n.Data))
	}
	return strings.Join(names, "."), line
}

func lineAt(data []byte, offset int) int {
	return 1 + bytes.Count(data[:min(offset, len(data))], []byte{'\n'})
}

func valueOf(n *unstable.Node) value {
	switch n.Kind {
	case unstable.String:
		return value{kind: textValue, text: string(n.Data)}
	case unstable.Integer:
		return value{kind: numberValue, text: string(n.Data)}
	case unstable.Bool:
		return value{kind: boolValue, text: string(n.Data)}
	case unstable.Array:
		v := value{kind: listValue}
		for items := n.Children(); items.Next(); {
			item := items.Node()
			if item.Kind != unstable.String {
				return value{kind: otherValue}
			}
			v.list = append(v.list, string(item.Data))
		}
		return v
	}
	return value{kind: otherValue}
}
