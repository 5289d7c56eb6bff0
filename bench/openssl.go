package main

// OpenSSL's handshake with a pre-shared key, measured by a C program that is
// compiled here where that can be done.

import (
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed testdata/opensslpsk.c
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
	source, err := opensslSource.ReadFile("testdata/opensslpsk.c")
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "watchword-bench-")
	if err != nil {
		return "", err
	}
	c, program := filepath.Join(dir, "opensslpsk.c"), filepath.Join(dir, "opensslpsk")
	if err := os.WriteFile(c, source, 0o600); err != nil {
		return "", err
	}
	if out, err := exec.Command(compiler, "-O2", "-o", program, c, "-lssl", "-lcrypto", "-lpthread").CombinedOutput(); err != nil {
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

// openssl is OpenSSL at both ends of the handshake over "tcp", an end in each
// thread, or "memory", in one thread over memory BIOs.
func openssl(over string) contender {
	c := contender{name: "OpenSSL, PSK"}
	program, err := opensslProgram()
	if err != nil {
		c.missing = "not measured: " + err.Error()
		return c
	}
	c.measured = func(n int) (sample, error) {
		out, err := exec.Command(program, over, strconv.Itoa(n)).Output()
		if err != nil {
			return sample{}, fmt.Errorf("opensslpsk failed: %w", err)
		}
		var wall, cpu int64
		if _, err := fmt.Sscan(string(out), &wall, &cpu); err != nil {
			return sample{}, fmt.Errorf("opensslpsk printed %q: %w", out, err)
		}
		return sample{wall: time.Duration(wall), cpu: time.Duration(cpu), units: float64(n)}, nil
	}
	return c
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
