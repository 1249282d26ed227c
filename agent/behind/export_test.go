package behind

import "context"

// CatchUp judges what changed, and makes no list.
func (t *Table) CatchUp(ctx context.Context) error { return t.refresh(ctx) }

// Reads is how many dossiers were read so far.
func (t *Table) Reads() int { return int(t.reads.Load()) }

// Ran reports whether Run has looked once.
func (t *Table) Ran() bool { return t.seen.Load() != nil }
