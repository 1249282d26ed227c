package fhirjson

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/carelog/carelog/events"
)

// Bounds of a resource, beside events.MaxPlain.
const (
	// MaxDepth is how deep objects and arrays may stand in one another; the
	// resource itself is 1.
	MaxDepth = 64
	// inEntry is how much deeper a resource stands in an entry of a Bundle.
	inEntry = 3
	// MaxValues is how many values a resource may hold, so that what it takes to
	// read one is bounded too.
	MaxValues = 1 << 20
)

// parser reads a body into a tree. It stops at the first fault.
type parser struct {
	*tree
	at    int
	depth int
	most  int // of depth
	err   *Error
	steps []string            // the way to the fault, innermost first
	seen  map[string]struct{} // names of a large object
}

// parse reads a body strictly. The error is an *Error.
func parse(body []byte) (*tree, error) {
	return parseAs(body, '{', "a resource is one JSON object", MaxDepth)
}

// parseAround is parse of a Bundle, each of whose resources is as deep as it is by itself.
func parseAround(body []byte) (*tree, error) {
	return parseAs(body, '{', "a resource is one JSON object", MaxDepth+inEntry)
}

// parseAs is parse for a value that opens with a bracket of its own, or has a depth of its own.
func parseAs(body []byte, opening byte, otherwise string, most int) (*tree, error) {
	t := trees.Get().(*tree)
	t.body, t.nodes = body, t.nodes[:0]
	p := parser{tree: t, most: most}
	if len(body) > events.MaxPlain {
		t.free()
		return nil, &Error{Reason: fmt.Sprintf("it has %d bytes: at most %d", len(body), events.MaxPlain), TooLarge: true}
	}
	p.document(opening, otherwise)
	if p.err != nil {
		if p.depth > 0 { // else the fault is not within the resource
			slices.Reverse(p.steps)
			p.err.Path = joinPath(t.typeSoFar(), p.steps)
		}
		t.free()
		return nil, p.err
	}
	return t, nil
}

func (p *parser) document(opening byte, otherwise string) {
	if bytes.HasPrefix(p.body, []byte("\xEF\xBB\xBF")) {
		p.fail("it begins with a byte order mark")
		return
	}
	p.space()
	if p.peek() != opening {
		p.fail("%s", otherwise)
		return
	}
	if !p.value(0, 0, false) {
		return
	}
	p.space()
	if p.at < len(p.body) {
		p.fail("something follows its end")
	}
}

// fail notes a fault at the place where the parser stands, and returns false.
func (p *parser) fail(format string, args ...any) bool {
	line := 1 + bytes.Count(p.body[:min(p.at, len(p.body))], []byte("\n"))
	p.err = &Error{Reason: fmt.Sprintf(format, args...), Line: line}
	return false
}

func (p *parser) peek() byte {
	if p.at < len(p.body) {
		return p.body[p.at]
	}
	return 0 // no JSON token begins with it
}

func (p *parser) space() {
	for p.at < len(p.body) {
		switch p.body[p.at] {
		case ' ', '\n', '\r', '\t':
			p.at++
		default:
			return
		}
	}
}

// value reads a value and adds its node. The name is that of the member it stands for.
func (p *parser) value(nameStart, nameEnd int, nameEscaped bool) bool {
	if len(p.nodes) == MaxValues {
		return p.fail("it holds more than %d values", MaxValues)
	}
	i := len(p.nodes)
	p.nodes = append(p.nodes, node{
		start: uint32(p.at), nameStart: uint32(nameStart), nameEnd: uint32(nameEnd), nameEscaped: nameEscaped,
	})
	ok := false
	switch b := p.peek(); {
	case b == '{':
		ok = p.nested(object, '}')
	case b == '[':
		p.nodes[i].kind = array
		ok = p.nested(array, ']')
	case b == '"':
		p.nodes[i].kind = text
		p.nodes[i].escaped, ok = p.string()
	case b == '-' || '0' <= b && b <= '9':
		p.nodes[i].kind = number
		ok = p.number()
	default:
		p.nodes[i].kind = literal
		ok = p.literal()
	}
	if ok { // else its end stays 0, which tells typeSoFar
		p.nodes[i].end = uint32(p.at)
		p.nodes[i].next = uint32(len(p.nodes))
	}
	return ok
}

// nested reads the inside of an object or an array.
func (p *parser) nested(k kind, closing byte) bool {
	if p.depth++; p.depth > p.most {
		return p.fail("it is nested more than %d deep", p.most)
	}
	i := uint32(len(p.nodes) - 1)
	p.at++
	p.space()
	if p.peek() == closing {
		p.at++
		p.depth--
		return true
	}
	for count := 0; ; count++ {
		if k == object && !p.field() {
			return false
		}
		if k == array && !p.value(0, 0, false) {
			p.steps = append(p.steps, fmt.Sprintf("[%d]", count))
			return false
		}
		p.space()
		switch p.peek() {
		case ',':
			p.at++
			p.space()
		case closing:
			p.at++
			p.nodes[i].next = uint32(len(p.nodes))
			if k == object && !p.distinct(i, count+1) {
				return false
			}
			p.depth--
			return true
		default:
			return p.fail("want ',' or '%c'", closing)
		}
	}
}

// field reads a member of an object: its name and its value.
func (p *parser) field() bool {
	if p.peek() != '"' {
		return p.fail("want a name in quotes")
	}
	start := p.at + 1
	escaped, ok := p.string()
	if !ok {
		return false
	}
	end := p.at - 1
	p.space()
	if p.peek() != ':' {
		return p.fail("want ':' after a name")
	}
	p.at++
	p.space()
	if !p.value(start, end, escaped) {
		p.steps = append(p.steps, "."+clip(string(p.body[start:end])))
		return false
	}
	return true
}

// string reads a string and tells whether it has a backslash.
func (p *parser) string() (escaped, ok bool) {
	for p.at++; p.at < len(p.body); {
		switch b := p.body[p.at]; {
		case b == '"':
			p.at++
			return escaped, true
		case b == '\\':
			escaped = true
			if !p.escape() {
				return escaped, false
			}
		case b < ' ':
			return escaped, p.fail("a control character stands in a string: write it as \\u%04x", b)
		case b < utf8.RuneSelf:
			p.at++
		default:
			r, size := utf8.DecodeRune(p.body[p.at:])
			if r == utf8.RuneError && size == 1 {
				return escaped, p.fail("it is not valid UTF-8")
			}
			p.at += size
		}
	}
	return escaped, p.fail("a string does not end")
}

// escape reads what begins with a backslash. A surrogate must have its other half,
// since no text can hold it alone.
func (p *parser) escape() bool {
	rest := p.body[p.at+1:]
	if len(rest) == 0 || strings.IndexByte(`"\/bfnrtu`, rest[0]) < 0 {
		return p.fail("a backslash is followed by no escape of JSON")
	}
	if rest[0] != 'u' {
		p.at += 2
		return true
	}
	r := hex4(rest[1:])
	switch {
	case r < 0:
		return p.fail("\\u is not followed by four hexadecimal digits")
	case r < 0xD800 || r > 0xDFFF:
		p.at += 6
		return true
	case r < 0xDC00 && len(rest) >= 11 && rest[5] == '\\' && rest[6] == 'u':
		if low := hex4(rest[7:]); 0xDC00 <= low && low <= 0xDFFF {
			p.at += 12
			return true
		}
	}
	return p.fail("half a surrogate pair stands alone")
}

// number reads a number by JSON's grammar; its digits are kept, never its value.
func (p *parser) number() bool {
	digits := func() bool {
		from := p.at
		for '0' <= p.peek() && p.peek() <= '9' {
			p.at++
		}
		return p.at > from
	}
	if p.peek() == '-' {
		p.at++
	}
	zero := p.peek() == '0'
	from := p.at
	if !digits() || zero && p.at > from+1 {
		return p.fail("a number is written wrongly")
	}
	if p.peek() == '.' {
		if p.at++; !digits() {
			return p.fail("a number ends with its point")
		}
	}
	if b := p.peek(); b == 'e' || b == 'E' {
		if p.at++; p.peek() == '+' || p.peek() == '-' {
			p.at++
		}
		if !digits() {
			return p.fail("a number has no exponent after its e")
		}
	}
	return true
}

func (p *parser) literal() bool {
	for _, word := range [...]string{"null", "true", "false"} {
		if bytes.HasPrefix(p.body[p.at:], []byte(word)) {
			p.at += len(word)
			return true
		}
	}
	if p.at == len(p.body) {
		return p.fail("it ends too early")
	}
	return p.fail("want a JSON value")
}

// fewNames is how many names are compared in pairs, which beats a map.
const fewNames = 16

// distinct checks that no name stands twice in an object. Which of two values is
// meant would depend on the reader, and so might a dose.
func (p *parser) distinct(parent uint32, count int) bool {
	if count <= fewNames {
		for c := range p.children(parent) {
			for d := p.nodes[c].next; d < p.nodes[parent].next; d = p.nodes[d].next {
				if p.sameName(c, d) {
					return p.twice(d)
				}
			}
		}
		return true
	}
	if p.seen == nil {
		p.seen = make(map[string]struct{}, count)
	}
	clear(p.seen)
	for c := range p.children(parent) {
		name := p.name(c)
		if _, ok := p.seen[name]; ok {
			return p.twice(c)
		}
		p.seen[name] = struct{}{}
	}
	return true
}

func (p *parser) sameName(a, b uint32) bool {
	x, y := &p.nodes[a], &p.nodes[b]
	if x.nameEscaped || y.nameEscaped {
		return p.name(a) == p.name(b)
	}
	return x.nameEnd-x.nameStart == y.nameEnd-y.nameStart &&
		string(p.body[x.nameStart:x.nameEnd]) == string(p.body[y.nameStart:y.nameEnd])
}

func (p *parser) twice(i uint32) bool {
	name := clip(p.name(i))
	p.at = int(p.nodes[i].nameStart)
	p.steps = append(p.steps, "."+name)
	return p.fail("the name %q stands twice", name)
}

// typeSoFar is the resourceType, where it is the first member and was read.
func (t *tree) typeSoFar() string {
	if len(t.nodes) < 2 || !t.named(1, "resourceType") || t.nodes[1].end == 0 {
		return ""
	}
	return clip(t.text(1))
}

// joinPath writes a FHIRPath such as Patient.name[0].family.
func joinPath(typ string, steps []string) string {
	return strings.TrimPrefix(typ+strings.Join(steps, ""), ".")
}

// clip keeps a quoted value in a message short, and whole in its characters.
func clip(s string) string {
	if len(s) <= 80 {
		return s
	}
	return strings.ToValidUTF8(s[:80], "") + "…"
}
