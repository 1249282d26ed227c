package projections

// found is what a version is found by, ready for the file.
type found struct {
	terms
	digest []byte
	short  int64 // of the record's name, where it was read ahead
}

// foundBy reads it out of a version.
func (s *Store) foundBy(v *version) found {
	t := s.termsOf(v)
	if t.empty() {
		return found{}
	}
	return found{terms: t, digest: t.digest()}
}

// found is the same, where it was not read ahead of the batch.
func (b *batch) found(v *version) found {
	if b.ahead == nil || v.entry == 0 {
		return b.store.foundBy(v)
	}
	return b.ahead()[v.entry-1]
}

// manyEntries is from how many on a batch is looked through by a second goroutine.
const manyEntries = 256

// lookAhead reads what the entries of a large batch are found by while the batch writes
// their rows. wait gives the answers, in the order of the entries.
func (s *Store) lookAhead(entries []Entry) (wait func() []found) {
	done := make(chan struct{})
	list := make([]found, len(entries))
	go func() {
		defer close(done)
		for i := range entries {
			if e := &entries[i]; e.Event != nil {
				list[i] = s.foundBy(newVersion(e, 0, i))
				list[i].short = shortName(e.Event.Record)
			}
		}
	}()
	return func() []found { <-done; return list }
}
