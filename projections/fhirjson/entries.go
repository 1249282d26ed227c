package fhirjson

import "fmt"

// BundleEntry is one of a Bundle, as it stands there.
type BundleEntry struct {
	FullURL  string
	Resource []byte // its exact bytes, in the memory of the Bundle; nil: it has none
	// Of its request; empty where it says nothing.
	Method, URL, IfNoneMatch, IfModifiedSince, IfMatch, IfNoneExist string
}

// Entries reads a Bundle strictly, as Check does, and returns its type and what is in it. A resource in it may be as deep as by itself.
// Every error is an *Error.
func Entries(bundle []byte) (kind string, entries []BundleEntry, err error) {
	t, err := parseAround(bundle)
	if err != nil {
		return "", nil, err
	}
	defer t.free()
	head, err := t.check()
	if err != nil {
		return "", nil, err
	}
	if head.ResourceType != "Bundle" {
		return "", nil, t.fault(root, "resourceType", "want a Bundle, and this is a "+head.ResourceType)
	}
	if kind, err = t.optional(root, "type", "Bundle.type"); err != nil {
		return "", nil, err
	}
	list, ok := t.member(root, "entry")
	if !ok {
		return kind, nil, nil
	}
	if !t.is(list, array) {
		return "", nil, t.fault(list, "Bundle.entry", "want an array")
	}
	for c := range t.children(list) {
		e, err := t.entry(c, fmt.Sprintf("Bundle.entry[%d]", len(entries)))
		if err != nil {
			return "", nil, err
		}
		entries = append(entries, e)
	}
	return kind, entries, nil
}

func (t *tree) entry(i uint32, path string) (e BundleEntry, err error) {
	if !t.is(i, object) {
		return e, t.fault(i, path, "want an object")
	}
	if e.FullURL, err = t.optional(i, "fullUrl", path+".fullUrl"); err != nil {
		return e, err
	}
	if c, ok := t.member(i, "resource"); ok {
		if !t.is(c, object) {
			return e, t.fault(c, path+".resource", "want a resource")
		}
		e.Resource = t.raw(c)
	}
	request, ok := t.member(i, "request")
	if !ok {
		return e, nil
	}
	if !t.is(request, object) {
		return e, t.fault(request, path+".request", "want an object")
	}
	for name, field := range map[string]*string{
		"method": &e.Method, "url": &e.URL, "ifNoneMatch": &e.IfNoneMatch, "ifModifiedSince": &e.IfModifiedSince,
		"ifMatch": &e.IfMatch, "ifNoneExist": &e.IfNoneExist,
	} {
		if *field, err = t.optional(request, name, path+".request."+name); err != nil {
			return e, err
		}
	}
	return e, nil
}

// optional is the string under a name; empty where there is none.
func (t *tree) optional(i uint32, name, path string) (string, error) {
	c, ok := t.member(i, name)
	if !ok {
		return "", nil
	}
	if !t.is(c, text) {
		return "", t.fault(c, path, "want a string")
	}
	return t.text(c), nil
}
