package tree

// What README.md promises about the tree.

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCodeMap: the section "Code map" of README.md names each folder that holds
// a package, as `folder/`, and no folder that is not there.
func TestCodeMap(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatalf("The README is missing: %v", err)
	}
	_, codeMap, found := strings.Cut(string(readme), "\n## Code map\n")
	if !found {
		t.Fatal("README.md has no section \"Code map\".")
	}
	codeMap, _, _ = strings.Cut(codeMap, "\n## ")

	named := make(map[string]bool)
	for _, m := range regexp.MustCompile("`([^` ]+)/`").FindAllStringSubmatch(codeMap, -1) {
		named[m[1]] = true
		if info, err := os.Stat(filepath.Join(root, filepath.FromSlash(m[1]))); err != nil || !info.IsDir() {
			t.Errorf("The code map in README.md names the folder %s, which is not there.", m[1])
		}
	}
	missing := make(map[string]bool)
	for _, f := range goFiles(t) {
		if folder := f.folder(); folder != "." && !named[folder] && !missing[folder] {
			missing[folder] = true
			t.Errorf("The code map in README.md does not name the package folder %s.", folder)
		}
	}
}

func TestReadmeHasTheTwoCommands(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatalf("The README is missing: %v", err)
	}
	for _, command := range []string{"go run ./cmd/watchword demo", "go test ./..."} {
		if !strings.Contains(string(readme), command) {
			t.Errorf("README.md does not say %q.", command)
		}
	}
}

// TestReadmeExample: the program of the README is the example that is compiled
// and run as a test.
func TestReadmeExample(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatalf("The README is missing: %v", err)
	}
	source, err := os.ReadFile(filepath.Join(root, "example_test.go"))
	if err != nil {
		t.Fatalf("The example is missing: %v", err)
	}
	_, shown, _ := strings.Cut(string(readme), "```go\n")
	shown, _, _ = strings.Cut(shown, "```")
	_, body, _ := strings.Cut(string(source), "func Example() {\n")
	body, _, found := strings.Cut(body, "\t// Output:")
	if !found {
		t.Fatal("example_test.go has no Example with its output.")
	}
	body = strings.TrimPrefix(strings.ReplaceAll("\n"+body, "\n\t", "\n"), "\n")
	if strings.TrimSpace(shown) != strings.TrimSpace(body) {
		t.Errorf("The README's program differs from Example in example_test.go. The README has:\n%s", shown)
	}
}
