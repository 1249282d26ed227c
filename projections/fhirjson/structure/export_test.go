package structure

// Load reads the table anew, as it is read when it is needed first.
func Load() { load() }

// LoadAll reads all of it, as if a resource had every type, and tells how many there are.
func LoadAll() int {
	t := load()
	for _, d := range t.types {
		t.complete(d)
	}
	return len(t.types)
}

// Size is how large the table is in the binary, in bytes.
func Size() int { return len(packed) }
