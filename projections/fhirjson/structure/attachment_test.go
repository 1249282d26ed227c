package structure_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/carelog/carelog/projections/fhirjson"
	"github.com/carelog/carelog/projections/fhirjson/structure"
)

// Every element of R4 that is an Attachment is known by its name, and nothing else that has a
// text under data is.
func TestAttachmentElements(t *testing.T) {
	attachments, others := structure.ElementsWithData()
	if want := slices.Sorted(maps.Keys(attachments)); !slices.Equal(want, structure.AttachmentElements) {
		t.Errorf("the elements are %q, want %q", structure.AttachmentElements, want)
	}
	for name, typ := range others {
		if attachments[name] {
			t.Errorf("%s is an Attachment here and a %s there, and both have a text under data", name, typ)
		}
	}
}

// Contents leave a body wherever it is cut while it comes, and nothing else does.
func TestSplitAttachments(t *testing.T) {
	long := bytes.Repeat([]byte{0, 1, 2, 250}, structure.MaxInline/4*3/4+1)
	text := base64.StdEncoding.EncodeToString(long)
	short := text[:structure.MaxInline]
	for name, c := range map[string]struct{ body, want string }{
		"an element":        {`{"resourceType":"DocumentReference","content":[{"attachment":{"title":"\"\\","data" : "%s" }}]}`, `{"resourceType":"DocumentReference","content":[{"attachment":{"title":"\"\\","data" : "T0" }}]}`},
		"lists":             {`{"photo":[{"data":"%s"},{"title":"x"},{"data":"%s"}]}`, `{"photo":[{"data":"T0"},{"title":"x"},{"data":"T1"}]}`},
		"an extension":      {`{"extension":[{"valueAttachment":{"data":"%s"}}]}`, `{"extension":[{"valueAttachment":{"data":"T0"}}]}`},
		"within a Bundle":   {`{"entry":[{"resource":{"content":{"data":"%s"}}}]}`, `{"entry":[{"resource":{"content":{"data":"T0"}}}]}`},
		"a Binary":          {`{"resourceType":"Binary","data":"%s"}`, ""},
		"a Binary in one":   {`{"entry":[{"resource":{"data":"%s"}}]}`, ""},
		"a signature":       {`{"signature":[{"data":"%s"}]}`, ""},
		"of another depth":  {`{"attachment":{"extension":[{"data":"%s"}]}}`, ""},
		"a title":           {`{"attachment":{"title":"%s"}}`, ""},
		"no name":           {`{"attachment":["data","%s"]}`, ""},
		"a text that ends":  {`{"attachment":{"data":"%s`, `{"attachment":{"data":"` + text[:32] + `…"`},
		"what is no object": {`{"attachment":"data","x":"%s"}`, ""},
	} {
		body := strings.ReplaceAll(c.body, "%s", text)
		for how, reader := range map[string]io.Reader{"whole": strings.NewReader(body), "in pieces": iotest.HalfReader(strings.NewReader(body))} {
			var taken []*bytes.Buffer
			rest, err := structure.SplitAttachments(reader, func() (io.Writer, string, error) {
				taken = append(taken, new(bytes.Buffer))
				return taken[len(taken)-1], fmt.Sprint("T", len(taken)-1), nil
			})
			want := c.want
			if want == "" {
				want = body
			}
			if err != nil || string(rest) != want {
				t.Errorf("%s, %s: %v, the rest is %.300s\nwant %.300s", name, how, err, rest, want)
			}
			for i, content := range taken {
				if !bytes.Equal(content.Bytes(), long) {
					t.Errorf("%s, %s: content %d has %d bytes, want the %d", name, how, i, content.Len(), len(long))
				}
			}
		}
	}
	body := `{"attachment":{"data":"` + short + `"}}`
	rest, err := structure.SplitAttachments(strings.NewReader(body), nil)
	if err != nil || string(rest) != body {
		t.Errorf("what is short: %v, %.100s", err, rest)
	}
}

// What is no base64 is found by who checks the rest.
func TestSplitNoBase64(t *testing.T) {
	text := strings.Repeat("QUJD", structure.MaxInline/4)
	for _, data := range []string{text + "QUI", text + "=QUJD", "Q" + text + "!", text + `\u0041A==`, "Q\u00e9" + text, text + `\"QUJD`} {
		body := `{"resourceType":"Patient","photo":[{"data":"` + data + `"},{"title":"x"}]}`
		rest, err := structure.SplitAttachments(strings.NewReader(body), func() (io.Writer, string, error) { return io.Discard, "T", nil })
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(rest), `{"resourceType":"Patient","photo":[{"data":"Q`) || !strings.HasSuffix(string(rest), `…"},{"title":"x"}]}`) {
			t.Errorf("the rest is %s", rest)
		}
		if found := issues(t, string(rest)); !slices.Equal(found, []string{"value Patient.photo[0].data"}) {
			t.Errorf("%.40s is found to be %q", data, found)
		}
	}
}

// What stands in place of a content changes no other byte.
func TestMoveContents(t *testing.T) {
	body := `{ "resourceType":"Patient", "photo":[ {"title":"é\u00e9" , "data" : "QUJD","size":3},{"data":"QUJD"},{"url":"http://x"}],
	"contained":[{"resourceType":"Media","status":"completed","content":{"data":"QUJD"}}] }`
	want := `{ "resourceType":"Patient", "photo":[ {"title":"é\u00e9" , "url":"B","hash":"x","size":3},{"data":"QUJD"},{"url":"http://x"}],
	"contained":[{"resourceType":"Media","status":"completed","content":{"url":"B","hash":"x"}}] }`
	var paths []string
	got, err := structure.MoveContents([]byte(body), func(path string, a fhirjson.Element) (string, error) {
		if paths = append(paths, path); len(paths) == 2 {
			return "", nil
		}
		return `"url":"B","hash":"x"`, nil
	})
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
	if want := []string{"Patient.photo[0]", "Patient.photo[1]", "Patient.contained[0].content"}; !slices.Equal(paths, want) {
		t.Errorf("asked of %q, want %q", paths, want)
	}
}
