package keyfile

import "strings"

// Quote returns a file name as it is typed in a POSIX shell, so that a command
// in a sentence can be copied.
func Quote(name string) string {
	if strings.HasPrefix(name, "-") {
		name = "./" + name
	}
	safe := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("/._-+,@%=:", r)
	}
	if name != "" && strings.IndexFunc(name, func(r rune) bool { return !safe(r) }) < 0 {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}
