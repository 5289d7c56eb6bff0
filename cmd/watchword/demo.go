package main

// demo: one message through TLS 1.3 and through the teaching protocol, side by
// side, over loopback in this process. What it prints is what happened: every
// number comes from the connection, every comparison was made.

import (
	"context"
	"fmt"
	"os"
	"strings"
)

func init() {
	register(verb{
		name: "demo", order: 5,
		summary: "send one message in this process and show what happens",
		detail: `
Makes a key, a server and a client in this process, sends one message over TLS
1.3, and shows what happened. Then it sends the same message with the teaching
protocol and shows what that lacks. It leaves no file.

Exit status: 0 when all of it happened as shown.`,
		run: runDemo,
	})
}

const demoMessage = "Meet me at noon."

func runDemo(ctx context.Context, env *ui, args []string) int {
	f := env.flags("demo")
	if status, ok := f.parse(args); !ok {
		return status
	}
	out, isFile := env.stdout.(*os.File)
	d := &demo{env: env, colour: env.colour && isFile && isTerminal(out)}
	d.line("")
	d.line("One message, twice: %s", d.bold(fmt.Sprintf("%q", demoMessage)))
	tls, err := d.throughTLS(ctx)
	if err != nil {
		return env.fail(fmt.Errorf("the demonstration of TLS failed: %w", err))
	}
	classic, err := d.throughClassic()
	if err != nil {
		return env.fail(fmt.Errorf("the demonstration of the teaching protocol failed: %w", err))
	}
	d.compare(tls, classic)
	return statusOK
}

// demo prints in steps and columns of 80 characters.
type demo struct {
	env    *ui
	colour bool
	step   int
}

func (d *demo) line(format string, args ...any) { d.env.printf(format+"\n", args...) }

func (d *demo) bold(text string) string { return d.paint("\x1b[1m", text) }

func (d *demo) paint(colour, text string) string {
	if !d.colour {
		return text
	}
	return colour + text + plain
}

func (d *demo) heading(title, note string) {
	d.step = 0
	d.line("")
	d.line("%s%s", d.bold(title), note)
}

// says prints a numbered step: who acts, and what is done.
func (d *demo) says(who, format string, args ...any) {
	d.step++
	lines := strings.Split(fmt.Sprintf(format, args...), "\n")
	d.line(" %d  %s %s", d.step, d.paint("\x1b[36m", fmt.Sprintf("%-7s", who)), lines[0])
	for _, l := range lines[1:] {
		d.line("            %s", l)
	}
}

// outcome is what was seen of one protocol.
type outcome struct {
	sameTwice bool // the message sent twice was the same bytes on the wire
	replayed  bool // recorded bytes sent again were shown again
}

// compare prints the table. Its first two rows were measured; the others
// follow from the protocols' designs (SECURITY.md).
func (d *demo) compare(tls, classic outcome) {
	yesNo := func(yes bool, whenYes, whenNo string) string {
		if yes {
			return whenYes
		}
		return whenNo
	}
	d.line("")
	d.line("%s", d.bold(fmt.Sprintf("%-34s %-21s %s", "Side by side", "TLS 1.3", "classic")))
	row := func(what, a, b string) { d.line("%-34s %-21s %s", what, a, b) }
	row("the same message sent again is", yesNo(tls.sameTwice, "the same bytes", "other bytes"), yesNo(classic.sameTwice, "the same bytes", "other bytes"))
	row("recorded bytes played again are", yesNo(tls.replayed, "shown again", "refused"), yesNo(classic.replayed, "shown again", "refused"))
	row("a key file stolen later opens", "nothing of this", "everything recorded")
	row("the two sides' and uses' keys are", "all different", "one and the same")
	row("a cut conversation is", "an error", "not noticed")
	row("the sender learns that it arrived", "yes (close_notify)", "no")
	d.line("")
	d.line("Now you: watchword server   and in another window   watchword client -m hello")
	d.line("")
}

// startOf shows the first bytes of what is on the wire.
func startOf(b []byte, n int) string {
	if len(b) <= n {
		return fmt.Sprintf("% x", b)
	}
	return fmt.Sprintf("% x ...", b[:n])
}
