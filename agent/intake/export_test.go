package intake

// SetBombFree changes what may come before a stream can be a bomb, until the returned
// function is called.
func SetBombFree(bytes int64) (restore func()) {
	old := bombFree
	bombFree = bytes
	return func() { bombFree = old }
}

// PeekSize is how far a file is looked into first.
const PeekSize = peekSize
