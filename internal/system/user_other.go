//go:build !unix

package system

import "errors"

// LookupUser reports whether the process could become that user, which this
// system does not offer.
func LookupUser(user, group string) error { return BecomeUser(user, group) }

// BecomeUser changes nothing where nothing is asked.
func BecomeUser(user, group string) error {
	if user == "" && group == "" {
		return nil
	}
	return errors.New("a process cannot become another user on this system: leave user and group out, and start it as that user")
}

// MayRead does nothing here.
func MayRead(user, group, name string) error { return nil }
