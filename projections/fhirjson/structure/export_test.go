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

// AttachmentElements are the elements of R4 that are known to be an Attachment.
var AttachmentElements = attachmentElements

// ElementsWithData are the elements of R4 that are an Attachment, and the types of those that have a
// text under data and are none, by name.
func ElementsWithData() (attachments map[string]bool, others map[string]string) {
	attachments, others = map[string]bool{}, map[string]string{}
	t := load()
	for _, d := range t.types {
		t.complete(d)
	}
	for _, d := range t.types {
		for _, p := range d.properties {
			data := p.of.property([]byte("data"))
			switch {
			case p.of.name == "Attachment":
				attachments[p.name] = true
			case data != nil && data.of.format != nil && p.of.kind != resourceType:
				others[p.name] = p.of.name
			}
		}
	}
	return attachments, others
}
