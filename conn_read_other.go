//go:build !unix

package watchword

import "errors"

func (c *Conn) readSocket() (int, error) { return 0, errors.ErrUnsupported }
