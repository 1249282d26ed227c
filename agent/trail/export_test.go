package trail

// SetRunSize makes runs of fewer bytes than usual.
func (t *Trail) SetRunSize(bytes int) { t.runSize = bytes }
