package bulk

import (
	"testing"

	"github.com/watchword-tls/watchword/internal/limits"
)

func TestOnlySoManyAreLent(t *testing.T) {
	var all []*Buffer
	for range limits.BulkBuffers {
		all = append(all, Get())
	}
	if b := Get(); b != nil || Lent() != limits.BulkBuffers {
		t.Errorf("After %d buffers another one is lent; %d are.", limits.BulkBuffers, Lent())
	}
	for _, b := range all {
		if b == nil {
			t.Fatal("A buffer within the limit is refused.")
		}
		Put(b)
	}
	Put(nil)
	if Lent() != 0 {
		t.Errorf("%d buffers are lent after all came back.", Lent())
	}
	if b := Get(); b == nil {
		t.Error("No buffer is lent after all came back.")
	} else {
		Put(b)
	}
}
