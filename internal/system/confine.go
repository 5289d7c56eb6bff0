package system

// What a confined process may still do with files.

// Rules are the files that a process needs after it has been confined. Those
// that are open already stay open.
type Rules struct {
	// Read are files to be read again. Their folders become readable, with all
	// below, so that a file that is renamed over another stays readable.
	Read []string
	// Sockets are paths of Unix sockets to be made and removed.
	Sockets []string
}
