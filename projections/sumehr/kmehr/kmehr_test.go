package kmehr_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/internal/sharedtest"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

const (
	begin = `<kmehrmessage xmlns="http://www.ehealth.fgov.be/standards/kmehr/schema/v1">`
	end   = `</kmehrmessage>`
)

// files are the shared samples and examples that are KMEHR messages.
func files(t testing.TB) (messages map[string][]byte) {
	t.Helper()
	root := sharedtest.Folder(t, "kmehr")
	names, err := filepath.Glob(filepath.Join(root, "samples", "*.xml"))
	if err != nil || len(names) < 8 {
		t.Fatalf("%d samples, %v", len(names), err)
	}
	messages = map[string][]byte{}
	for _, name := range append(names, filepath.Join(root, "own-examples", "sumehr-2.0-example.xml")) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		messages[filepath.Base(name)] = text
	}
	return messages
}

// What the samples say is there again when they were read and written, and the bytes of
// the second writing are those of the first.
func TestSamplesComeBack(t *testing.T) {
	for name, text := range files(t) {
		first, err := kmehr.Read(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		written := kmehr.Write(first)
		second, err := kmehr.Read(written)
		if err != nil {
			t.Errorf("%s as it was written: %v", name, err)
			continue
		}
		if d := cmp.Diff(first, second); d != "" {
			t.Errorf("%s is another after it was written:\n%s", name, d)
		}
		if string(kmehr.Write(second)) != string(written) {
			t.Errorf("%s: the bytes of the same tree differ", name)
		}
		// Each text and each attribute of the file, seen without our reader.
		for _, piece := range strings.FieldsFunc(string(text), func(r rune) bool { return r == '<' || r == '>' }) {
			if value := strings.TrimSpace(piece); strings.ContainsAny(value, "=&?!-") || strings.ContainsRune(value, 0xfffd) {
				continue // attributes, prologue, comments: compared above
			} else if value != "" && !strings.HasPrefix(value, "/") && !strings.Contains(string(written), value) {
				t.Errorf("%s: %q is gone", name, value)
			}
		}
	}
}

func TestReadEncodings(t *testing.T) {
	for declared, text := range map[string]string{
		"UTF-8": "€ é", "ISO-8859-1": "\xa4 \xe9", "windows-1252": "\x80 \xe9", "latin1": "\xa4 \xe9",
	} {
		e, err := kmehr.Read([]byte(`<?xml version="1.0" encoding="` + declared + `"?>` + begin + "<text>" + text + "</text>" + end))
		want := "€ é"
		if declared != "UTF-8" && declared != "windows-1252" {
			want = "¤ é"
		}
		if err != nil || e.At("text").Value() != want {
			t.Errorf("%s: %v, %q", declared, err, e.At("text").Value())
		}
	}
	if _, err := kmehr.Read([]byte(`<?xml version="1.0" encoding="UTF-16"?>` + begin + end)); err == nil {
		t.Error("an encoding that is not read is taken")
	}
}

// Hostile messages end in an error, and say which.
func TestReadRefuses(t *testing.T) {
	laughs := `<?xml version="1.0"?><!DOCTYPE k [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>` + begin + "<text>&b;</text>" + end
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"entities":          {laughs, kmehr.ErrDoctype},
		"external entity":   {`<!DOCTYPE k SYSTEM "file:///etc/passwd">` + begin + end, kmehr.ErrDoctype},
		"undeclared entity": {begin + "<text>&passwd;</text>" + end, nil},
		"deep":              {begin + strings.Repeat("<item>", kmehr.MaxDepth) + strings.Repeat("</item>", kmehr.MaxDepth) + end, kmehr.ErrTooLarge},
		"wide":              {begin + strings.Repeat("<a/>", kmehr.MaxElements) + end, kmehr.ErrTooLarge},
		"long":              {begin + "<text>" + strings.Repeat("x", kmehr.MaxSize) + "</text>" + end, kmehr.ErrTooLarge},
		"many attributes":   {begin + "<cd" + attributes(17) + "/>" + end, kmehr.ErrTooLarge},
		"attribute twice":   {begin + `<cd S="a" S="b"/>` + end, nil},
		"other root":        {`<Bundle xmlns="http://hl7.org/fhir"/>`, kmehr.ErrNotMessage},
		"no namespace":      {"<kmehrmessage/>", kmehr.ErrNotMessage},
		"cut off":           {begin + "<folder><id>", nil},
		"two messages":      {begin + end + begin + end, nil},
		"nothing":           {"", nil},
		"no XML":            {"{}", nil},
	} {
		e, err := kmehr.Read([]byte(c.text))
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, %v; want the error %v", name, e, err, c.want)
		}
	}
	if _, err := kmehr.Read([]byte(begin + strings.Repeat("<item>", kmehr.MaxDepth-1) + strings.Repeat("</item>", kmehr.MaxDepth-1) + end)); err != nil {
		t.Errorf("as deep as is allowed: %v", err)
	}
}

func attributes(n int) (text string) {
	for i := range n {
		text += ` a` + string(rune('a'+i)) + `="1"`
	}
	return text
}

func TestWriteEscapes(t *testing.T) {
	e := kmehr.New("kmehrmessage", &kmehr.Element{Name: "text", Attr: []kmehr.Attr{{Name: "DN", Value: "a\"<&>\n\t\r'"}}, Text: "5 < 6 & 7 > 2 \r\n ]]> é"},
		kmehr.Leaf("name", "bell \a, half \xff, null \x00"))
	back, err := kmehr.Read(kmehr.Write(e))
	if err != nil {
		t.Fatal(err)
	}
	if got := back.At("text"); got.Text != "5 < 6 & 7 > 2 \r\n ]]> é" || got.Attribute("DN") != "a\"<&>\n\t\r'" {
		t.Errorf("got %q, %q", got.Text, got.Attribute("DN"))
	}
	if got := back.At("name").Text; got != "bell \uFFFD, half \uFFFD, null \uFFFD" {
		t.Errorf("got %q, want what XML cannot hold marked", got)
	}
}

func TestMixedAndForeign(t *testing.T) {
	text := begin + `<text-with-layout>a <b>bold <i>and</i> more</b> text</text-with-layout><Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><Value>x</Value></Signature>` + end
	first, err := kmehr.Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	written := string(kmehr.Write(first))
	for _, want := range []string{`>a <b>bold <i>and</i> more</b> text<`, `<Signature xmlns="http://www.w3.org/2000/09/xmldsig#">`} {
		if !strings.Contains(written, want) {
			t.Errorf("%s is not in\n%s", want, written)
		}
	}
}

func TestElement(t *testing.T) {
	e := kmehr.New("item", kmehr.ID("ID-KMEHR", "1"), kmehr.LocalID("carelog", "Condition/c1"), nil, kmehr.Code("CD-ITEM", "1.11", " problem\n "))
	if e.ID("ID-KMEHR") != "1" || e.Local("carelog") != "Condition/c1" || e.Local("x") != "" || e.Code("CD-ITEM") != "problem" || len(e.All("id")) != 2 {
		t.Errorf("got %+v", e)
	}
	var none *kmehr.Element
	if none.At("a", "b") != nil || none.Value() != "" || none.All("a") != nil || none.Attribute("S") != "" || none.Code("x") != "" {
		t.Error("an element that is not there has something")
	}
	tx := kmehr.New("transaction", e, kmehr.New("heading", kmehr.New("item"), kmehr.New("heading", kmehr.New("item"))))
	if got := len(kmehr.Items(tx)); got != 3 || kmehr.Items(nil) != nil {
		t.Errorf("%d items, want those beneath headings as well", got)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(begin + `<folder><id S="ID-KMEHR">1</id><text-with-layout>a<b>c</b></text-with-layout></folder>` + end))
	f.Add([]byte(`<?xml version="1.0" encoding="ISO-8859-1"?><a:kmehrmessage xmlns:a="` + kmehr.Namespace + `"><a:b xmlns="x"><c/></a:b></a:kmehrmessage>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		first, err := kmehr.Read(text)
		if err != nil {
			return
		}
		second, err := kmehr.Read(kmehr.Write(first))
		if err != nil {
			t.Fatalf("what was read is written as what cannot be: %v\n%s", err, kmehr.Write(first))
		}
		if d := cmp.Diff(first, second); d != "" {
			t.Fatal(d)
		}
	})
}
