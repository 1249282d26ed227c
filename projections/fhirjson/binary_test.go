package fhirjson_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/projections/fhirjson"
)

var someAttachment = events.Attachment{Name: strings.Repeat("0a", 32), Key: events.KeyID{1}, Size: 12345, Digest: events.Digest{2}}

// What is split, attached and put together again is what was sent, byte for byte.
func TestSplitAndJoined(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		content := rapid.SliceOfN(rapid.Byte(), 1, 200_000).Draw(t, "content")
		space := rapid.StringMatching("[ \n\r\t]{0,3}")
		member := `"data"` + space.Draw(t, "a") + ":" + space.Draw(t, "b") + `"` + base64.StdEncoding.EncodeToString(content) + `"`
		others := []string{`"resourceType":"Binary"`, `"contentType": "a/\"data\""`, `"x":{"data":"y","z":["data"]}`, `"s":"data"`}
		at := rapid.IntRange(0, len(others)).Draw(t, "at")
		members := append(append(append([]string(nil), others[:at]...), member), others[at:]...)
		body := []byte("{" + strings.Join(members, ", ") + "}")

		var got bytes.Buffer
		rest, found, err := fhirjson.SplitContent(iotest.OneByteReader(bytes.NewReader(body)), &got)
		if err != nil || !found || !bytes.Equal(got.Bytes(), content) {
			t.Fatalf("split: %v, found %v, %d bytes of %d", err, found, got.Len(), len(content))
		}
		rest, err = fhirjson.Attach(rest, someAttachment)
		if err != nil {
			t.Fatal(err)
		}
		b, err := fhirjson.BinaryOf(rest)
		if err != nil || !b.Attached || b.Inline || b.Attachment != someAttachment || b.ContentType != `a/"data"` {
			t.Fatalf("read as %+v, %v", b, err)
		}
		parts, behind, err := fhirjson.CutAtContents(rest)
		if err != nil || len(parts) != 1 || parts[0].Attachment != someAttachment {
			t.Fatalf("cut into %+v, %v", parts, err)
		}
		before, after := parts[0].Around()
		joined := string(parts[0].Before) + string(before) + base64.StdEncoding.EncodeToString(content) + string(after) + string(behind)
		if joined != string(body) {
			t.Fatalf("put together again: %.300s\nwant %.300s", joined, body)
		}
	})
}

// Each Binary of a Bundle is cut out; one within another is none that a door takes.
func TestCutAtContents(t *testing.T) {
	of, err := fhirjson.Attach([]byte(`{"resourceType":"Binary","id":"b","meta":{"versionId":"7"},"_data" : {}}`), someAttachment)
	if err != nil {
		t.Fatal(err)
	}
	bundle := []byte(`{"resourceType":"Bundle","entry":[{"resource":` + string(of) + `},{"resource":{"resourceType":"Basic","_data":{}}},{"resource":` + string(of) + `}]}`)
	parts, rest, err := fhirjson.CutAtContents(bundle)
	if err != nil || len(parts) != 2 || parts[1].Version != "Binary/b/_history/7" || string(rest) != "}}]}" {
		t.Fatalf("cut into %+v and %s: %v", parts, rest, err)
	}
	if got := string(parts[1].Absent()); got != `"_data" : {"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"temp-unknown"}]}` {
		t.Errorf("without a content: %s", got)
	}
	within := bytes.Replace(of, []byte(`"id":"b"`), append([]byte(`"contained":[`), append(of, ']')...), 1)
	var wrong *fhirjson.Error
	if _, _, err := fhirjson.CutAtContents(within); !errors.As(err, &wrong) {
		t.Errorf("one within another: %v", err)
	}
}

func TestSplitHearsOfBothSides(t *testing.T) {
	failed := errors.New("failed")
	body := `{"resourceType":"Binary","data":"` + strings.Repeat("AAAA", 100_000) + `"}`
	if _, _, err := fhirjson.SplitContent(strings.NewReader(body), failing{failed}); !errors.Is(err, failed) {
		t.Errorf("a content that cannot be written: %v", err)
	}
	for _, cut := range []int{5, 30, 40, 200_000} {
		r := io.MultiReader(strings.NewReader(body[:cut]), iotest.ErrReader(failed))
		if _, _, err := fhirjson.SplitContent(r, io.Discard); !errors.Is(err, failed) {
			t.Errorf("a body that cannot be read from %d on: %v", cut, err)
		}
	}
	large := `{"resourceType":"Binary","x":"` + strings.Repeat("x", events.MaxPlain) + `","data":"AAAA"}`
	var tooLarge *fhirjson.Error
	if _, _, err := fhirjson.SplitContent(strings.NewReader(large), io.Discard); !errors.As(err, &tooLarge) || !tooLarge.TooLarge {
		t.Errorf("a resource that is large without its content: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// FuzzSplitContent: what comes out of a sound resource is what encoding/json finds in it.
func FuzzSplitContent(f *testing.F) {
	for _, s := range []string{
		`{"resourceType":"Binary","data":"QUJD"}`, `{"resourceType":"Binary","data":"QU\/DIA=="}`, `{"data" : "QUI=" ,"resourceType":"Binary"}`,
		`{"resourceType":"Binary","data":null}`, `{"resourceType":"Binary","data":"A"}`, `{"resourceType":"Binary","x":["data",{"data":"QUJD"}]}`,
		`{"resourceType":"Binary","data":"\u0041"}`, `[["data":"QUJD"]]`, `{"data"`, `{"data":`, `{"data":"`, `"data":"QUJD"`, "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var content bytes.Buffer
		rest, found, err := fhirjson.SplitContent(bytes.NewReader(body), &content)
		var fault *fhirjson.Error
		if err != nil {
			if !errors.As(err, &fault) {
				t.Fatalf("got %v, want an *Error", err)
			}
			return
		}
		if _, err := fhirjson.Check(body); err != nil {
			if _, err := fhirjson.Check(rest); err == nil {
				t.Fatalf("the rest is sound and the whole is not: %q of %q", rest, body)
			}
			return
		}
		if !found {
			if !bytes.Equal(rest, body) {
				t.Fatalf("nothing was found in %q and it became %q", body, rest)
			}
			return
		}
		var members map[string]json.RawMessage // a struct's names would be found in any case
		if err := json.Unmarshal(body, &members); err != nil {
			t.Fatal(err)
		}
		var want []byte
		// Spaces are FHIR's, and not encoding/json's.
		if err := json.Unmarshal(members["data"], &want); err == nil && !bytes.Equal(want, content.Bytes()) {
			t.Fatalf("%q holds %q, and not %q", body, want, content.Bytes())
		}
		if attached, err := fhirjson.Attach(rest, someAttachment); err == nil {
			if b, err := fhirjson.BinaryOf(attached); err != nil || !b.Attached {
				t.Fatalf("what was attached to %q is not found: %v", rest, err)
			}
		}
	})
}
