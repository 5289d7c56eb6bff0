package tree

// What no file of the repository may say.

import (
	"regexp"
	"strings"
	"testing"
)

// privatePath matches an absolute path into somebody's own folders, which is
// nowhere else. The first character keeps URLs and longer paths out.
var privatePath = regexp.MustCompile(`(?:^|[\s"'=(\x60])/(?:` + strings.Join([]string{"work", "root", "home", "Users", "tmp"}, "|") + `)/[\w.-]`)

// registries are the hosts of package registries: which one is used is the
// business of whoever builds. They are written in parts so as not to find
// themselves.
var registries = []string{
	"proxy." + "golang.org", "sum." + "golang.org", "goproxy." + "io", "goproxy." + "cn",
	"deb." + "debian.org", "security." + "debian.org", "archive." + "ubuntu.com",
	"registry." + "npmjs.org", "files." + "pythonhosted.org", "pypi." + "org", "crates" + ".io",
	"rubygems" + ".org", "repo1." + "maven.org", "index.docker" + ".io",
}

func TestNoFileNamesPrivatePlaces(t *testing.T) {
	for _, f := range files(t) {
		number := 0
		for line := range strings.Lines(string(f.text)) {
			number++
			if m := privatePath.FindString(line); m != "" && f.name != "internal/tree/words_test.go" {
				t.Errorf("%s:%d names a private path: %q.", f.name, number, strings.TrimSpace(m))
			}
			for _, host := range registries {
				if strings.Contains(line, host) {
					t.Errorf("%s:%d names the package registry %s.", f.name, number, host)
				}
			}
		}
	}
}

// leftover matches the words that stand for work that somebody meant to do.
// They are written in parts for the same reason.
var leftover = regexp.MustCompile(`\b(?:TO` + `DO|FIX` + `ME|X` + `XX)\b`)

func TestNothingIsLeftForLater(t *testing.T) {
	for _, f := range goFiles(t) {
		number := 0
		for line := range strings.Lines(string(f.text)) {
			number++
			if m := leftover.FindString(line); m != "" {
				t.Errorf("%s:%d says %s: do it, or say in an issue what is missing.", f.name, number, m)
			}
		}
	}
}
