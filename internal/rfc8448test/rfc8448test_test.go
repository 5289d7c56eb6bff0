package rfc8448test

import "testing"

// TestLoad counts what the RFC has, so that no value is lost on the way.
func TestLoad(t *testing.T) {
	for _, want := range []struct{ section, steps, fields, records, messages int }{
		{3, 55, 109, 9, 8},
		{4, 60, 125, 10, 6},
		{5, 54, 106, 8, 9},
		{6, 52, 101, 6, 10},
		{7, 51, 102, 8, 7},
	} {
		trace := Load(t, want.section)
		fields := 0
		for _, s := range trace.Steps {
			fields += len(s.Fields)
		}
		if len(trace.Steps) != want.steps || fields != want.fields {
			t.Errorf("Section %d has %d steps and %d values, want %d and %d.", want.section, len(trace.Steps), fields, want.steps, want.fields)
		}
		records, messages := trace.Records(), trace.Messages(t)
		if len(records) != want.records || len(messages) != want.messages {
			t.Errorf("Section %d has %d records and %d messages, want %d and %d.", want.section, len(records), len(messages), want.records, want.messages)
		}
		for _, r := range records {
			if len(r.Payload) == 0 || len(r.Raw) < 5+len(r.Payload) {
				t.Errorf("In section %d a %s record of the %s lacks its payload or itself.", want.section, r.Type, r.Who)
			}
		}
	}
}
