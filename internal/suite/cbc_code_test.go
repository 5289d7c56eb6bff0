package suite

// What the compiler made of the code that must not branch on a secret.

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/watchword-tls/watchword/internal/needs"
)

var (
	// An instruction in the compiler's listing: file, line, mnemonic.
	instruction = regexp.MustCompile(`(?m)^\t0x[0-9a-f]+ \d+ \([^)]*?(\w+\.go):(\d+)\)\t(\w+)`)

	// dependent are the instructions whose time or path depends on a value:
	// conditional jumps and divisions, of amd64 and of arm64.
	dependent = regexp.MustCompile(`^(J[A-LN-Z]\w*|I?DIV[BWLQ]|B(EQ|NE|LT|LE|GT|GE|LO|LS|HI|HS|CC|CS|MI|PL|VC|VS)|CBN?ZW?|TBN?Z|[SU]DIVW?)$`)

	// secret are the names of what is secret in cbc_open.go; mask.go is all
	// about secrets.
	secret = regexp.MustCompile(`\b(\w*Mask|mask|mask(Less|Equal)|pick|padding|wrong|lastBlock|end|turn|macStart|good)\b`)

	// after are the lines that tell what the peer may know: whether the record
	// was good.
	after = regexp.MustCompile(`^\tif good != 1 {$`)
)

// dependsOnSecrets returns the instructions in a listing that belong to lines
// of the source which deal with secrets and are dependent.
func dependsOnSecrets(listing string, source map[string][]string) (found []string, looked int) {
	for _, m := range instruction.FindAllStringSubmatch(listing, -1) {
		file, mnemonic := m[1], m[3]
		n, err := strconv.Atoi(m[2])
		lines := source[file]
		if err != nil || n < 1 || n > len(lines) {
			continue
		}
		line, _, _ := strings.Cut(lines[n-1], "//")
		if strings.HasPrefix(line, "func ") && file != "mask.go" {
			continue // the jumps of a function's first line ask for more stack
		}
		if file != "mask.go" && !secret.MatchString(line) {
			continue
		}
		looked++
		if dependent.MatchString(mnemonic) && !after.MatchString(line) {
			found = append(found, file+":"+m[2]+" has "+mnemonic+": "+strings.TrimSpace(line))
		}
	}
	return found, looked
}

// TestGeneratedCode reads the compiler's listing: no line of the opener that
// deals with something secret has a conditional jump or a division in it.
func TestGeneratedCode(t *testing.T) {
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skipf("The mnemonics of %s are missing here.", runtime.GOARCH)
	}
	listing, err := exec.Command("go", "build", "-gcflags=-S", ".").CombinedOutput()
	if err != nil {
		needs.Missing(t, fmt.Sprintf("the command go (%v)", err))
	}
	source := make(map[string][]string)
	for _, file := range []string{"cbc_open.go", "mask.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source[file] = strings.Split(string(text), "\n")
	}
	found, looked := dependsOnSecrets(string(listing), source)
	for _, f := range found {
		t.Error(f)
	}
	if looked < 150 {
		t.Errorf("Only %d instructions were looked at: the test looks in the wrong place.", looked)
	}
	t.Logf("%d instructions were looked at.", looked)
}

// TestGeneratedCodeIsRead: the test above finds what it looks for.
func TestGeneratedCodeIsRead(t *testing.T) {
	source := map[string][]string{
		"cbc_open.go": {"func f(padding int) {", "\tif padding > 3 {", "\tfor i := range plain {", "\tx := plain[i] // padding", "\tif good != 1 {"},
		"mask.go":     {"func maskLess(a, b int) int { return a }"},
	}
	for _, c := range []struct {
		where, mnemonic string
		found           int
	}{
		{"cbc_open.go:1", "JLS", 0},
		{"cbc_open.go:2", "JGT", 1},
		{"cbc_open.go:2", "CMPQ", 0},
		{"cbc_open.go:2", "JMP", 0},
		{"cbc_open.go:2", "IDIVQ", 1},
		{"cbc_open.go:2", "CBZ", 1},
		{"cbc_open.go:2", "BGT", 1},
		{"cbc_open.go:3", "JLT", 0},
		{"cbc_open.go:4", "JCC", 0},
		{"cbc_open.go:5", "JNE", 0},
		{"mask.go:1", "JNE", 1},
		{"other.go:1", "JNE", 0},
	} {
		listing := "\t0x0015 00021 (/folder/internal/suite/" + c.where + ")\t" + c.mnemonic + "\t123\n"
		if found, _ := dependsOnSecrets(listing, source); len(found) != c.found {
			t.Errorf("%s at %s: found %q, want %d.", c.mnemonic, c.where, found, c.found)
		}
	}
}
