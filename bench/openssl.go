package main

// OpenSSL with a pre-shared key, measured by a C program that is compiled here
// where that can be done.

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed testdata/*.c testdata/*.h
var opensslSource embed.FS

// opensslProgram compiles the program once. Its folder is left to the system's
// cleaning of temporary files only if the process is killed.
var opensslProgram = sync.OnceValues(func() (string, error) {
	compiler := ""
	for _, name := range []string{"cc", "gcc", "clang"} {
		if path, err := exec.LookPath(name); err == nil {
			compiler = path
			break
		}
	}
	if compiler == "" {
		return "", fmt.Errorf("no C compiler (cc, gcc or clang) here")
	}
	dir, err := os.MkdirTemp("", "watchword-bench-")
	if err != nil {
		return "", err
	}
	if err := os.CopyFS(dir, opensslSource); err != nil {
		return "", err
	}
	program, source := filepath.Join(dir, "opensslpsk"), filepath.Join(dir, "testdata")
	if out, err := exec.Command(compiler, "-O2", "-o", program, filepath.Join(source, "opensslpsk.c"),
		filepath.Join(source, "opensslbulk.c"), "-lssl", "-lcrypto", "-lpthread").CombinedOutput(); err != nil {
		os.RemoveAll(dir)
		first, _, _ := strings.Cut(string(out), "\n")
		return "", fmt.Errorf("no OpenSSL with its headers (libssl-dev) to compile against: %s", first)
	}
	return program, nil
})

// cleanUp removes the compiled program.
func cleanUp() {
	if program, err := opensslProgram(); err == nil {
		os.RemoveAll(filepath.Dir(program))
	}
}

// openssl is OpenSSL at both ends, doing what these arguments and then the number
// of units tell the program (testdata/opensslpsk.c).
func openssl(name string, arguments ...string) contender {
	c := contender{name: name}
	program, err := opensslProgram()
	if err != nil {
		c.missing = "not measured: " + err.Error()
		return c
	}
	c.measured = func(n int) (sample, error) {
		out, err := exec.Command(program, append(slices.Clone(arguments), strconv.Itoa(n))...).Output()
		if err != nil {
			return sample{}, opensslFailed(err)
		}
		s, err := opensslSample(string(out))
		s.units = float64(n)
		return s, err
	}
	return c
}

// opensslSample reads what the program prints: nanoseconds on the wall and on
// the processor.
func opensslSample(out string) (sample, error) {
	var s sample
	if _, err := fmt.Sscan(out, (*int64)(&s.wall), (*int64)(&s.cpu)); err != nil {
		return s, fmt.Errorf("opensslpsk printed %q: %w", out, err)
	}
	return s, nil
}

// opensslFailed adds what the program said to its exit status.
func opensslFailed(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	return fmt.Errorf("opensslpsk: %w", err)
}

func opensslVersion() string {
	program, err := opensslProgram()
	if err != nil {
		return "not measured: " + err.Error()
	}
	out, err := exec.Command(program, "version").Output()
	if err != nil {
		return "not measured: " + err.Error()
	}
	return strings.TrimSpace(string(out))
}
