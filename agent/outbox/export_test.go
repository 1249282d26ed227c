package outbox

// LoseWAL lets no change of this outbox reach the disk, though SQLite commits it, until found
// is called.
func (o *Outbox) LoseWAL() (found func()) {
	path := o.durable.wal.path
	o.durable.wal.path += "-lost"
	return func() { o.durable.wal.path = path }
}
