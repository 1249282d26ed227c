package sumehr_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/sharedtest"
	"github.com/carelog/carelog/projections/fhirjson/structure"
	"github.com/carelog/carelog/projections/sumehr"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
	"github.com/carelog/carelog/projections/sumehr/resources"
)

// takenIn is the dossier of what was read from a message, as the author would have it.
func takenIn(t testing.TB, message *kmehr.Element, made time.Time) (in sumehr.Input, unread []string) {
	t.Helper()
	read, err := resources.Of(message, resources.Known{})
	if err != nil {
		t.Fatal(err)
	}
	again, err := resources.Of(message, resources.Known{})
	if d := cmp.Diff(read, again); d != "" || err != nil {
		t.Fatalf("the same message gives other resources: %v\n%s", err, d)
	}
	in = sumehr.Input{At: made, Language: "nl"}
	seen := map[string]bool{}
	for _, r := range read.Resources {
		if name := r.Type + "/" + r.ID; seen[name] {
			t.Errorf("two resources are called %s", name)
		} else {
			seen[name] = true
		}
		if err := structure.Check(r.Body); err != nil {
			t.Errorf("%v\n%s", err, r.Body)
		}
		switch r.Type {
		case "Patient":
			in.Patient = r.ID
		case "Composition": // who made it makes it again
			var c struct{ Author []struct{ Reference string } }
			if err := json.Unmarshal(r.Body, &c); err != nil {
				t.Fatal(err)
			}
			in.Author = strings.TrimPrefix(c.Author[0].Reference, "Practitioner/")
		}
		in.Records = append(in.Records, sumehr.Record{Record: events.Record{Type: r.Type, ID: r.ID}, Heads: []sumehr.Head{{Body: r.Body}}})
	}
	return in, read.Unread
}

// What is made of a dossier, read back and made again says the same.
func TestRoundTrip(t *testing.T) {
	n := patients(t)
	for i, in := range practice(t, n) {
		in.Language = "nl"
		first := build(t, in).Message
		back, unread := takenIn(t, first, at)
		second := build(t, back).Message
		if len(unread) > 0 {
			t.Errorf("patient %d: not read: %v", i, unread)
		}
		if sumehr.Digest(first) != sumehr.Digest(second) {
			t.Fatalf("patient %d: other content:\n%s", i, cmp.Diff(content(first), content(second)))
		}
	}
}

// content is what the items of a message say, each on a line, for people to compare.
func content(message *kmehr.Element) (lines []string) {
	for _, item := range kmehr.Items(message.At("folder", "transaction")) {
		lines = append(lines, short(sumehr.Bare(item)))
	}
	slices.Sort(lines)
	return lines
}

// notRead is what no resource says of a sample, and the reading names.
var notRead = map[string][]string{
	"ehvalidator-02-sumehr11-warnings.xml": {"item 5 medication: duration"},
	"evs-4-sumehr20-from-vault.xml":        {"item 9 gmdmanager: beginmoment"},
	"evs-7-sumehr20-nullflavor.xml":        {"item 9 gmdmanager: beginmoment"},
}

// The samples, written by four different programs, say the same of every item when they were
// read into resources and made again.
func TestSamplesRoundTrip(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(sharedtest.Folder(t, "kmehr"), "*", "*sumehr*.xml"))
	if err != nil || len(files) < 8 {
		t.Fatal(err, files)
	}
	messages := map[string][]byte{}
	for _, file := range files {
		name := filepath.Base(file)
		if strings.Contains(name, "invalid") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		first, err := kmehr.Read(text)
		if err != nil {
			t.Fatal(err)
		}
		made, err := time.Parse(time.DateOnly, first.At("folder", "transaction", "date").Value())
		if err != nil {
			t.Fatal(err)
		}
		in, unread := takenIn(t, first, made)
		s := build(t, in)
		if d := cmp.Diff(gist(first), gist(s.Message)); d != "" {
			t.Errorf("%s says something else:\n%s", name, d)
		}
		if d := cmp.Diff(notRead[name], unread); d != "" {
			t.Errorf("%s: what is not read differs:\n%s", name, d)
		}
		messages[name] = s.XML()
	}
	validate(t, messages)
}

// gist is what an item says, whichever of several allowed ways it is written in: kind, codes,
// words, moments, parts of the day and doses. Left out is what a Sumehr of our own adds
// (states that are not said), must not have ("nothing known" beside something; a dose in words
// and in numbers), and what is of a person and not of the item: where one is described twice,
// both are one record here.
func gist(message *kmehr.Element) (lines []string) {
	for _, item := range kmehr.Items(message.At("folder", "transaction")) {
		kind := item.Code("CD-ITEM")
		if item.Codes("CD-ITEM")[0].Attribute("nullFlavor") != "" && len(item.All("content")) == 0 {
			continue
		}
		if kind == "healthcareelement" {
			kind = "problem"
		}
		parts := collect(item, "")
		slices.Sort(parts)
		lines = append(lines, fmt.Sprint(kind, " ", slices.Compact(parts)))
	}
	slices.Sort(lines)
	return lines
}

func collect(e *kmehr.Element, path string) (parts []string) {
	table := e.Attribute("S")
	switch {
	case e.Name == "id" && table != "INSS" && table != "ID-HCPARTY", table == "CD-ITEM", table == "CD-CONTACT-PERSON" && e.Value() == "other", table == "CD-ENCRYPTION-ACTOR":
		return nil
	case slices.Contains([]string{"recorddatetime", "lifecycle", "isrelevant", "duration", "address", "telecom"}, e.Name):
		return nil
	case e.Name == "posology" && e.At("text") != nil: // and numbers, which the schema forbids beside it
		e = kmehr.New("posology", e.All("text")...)
	case e.Name == "item" && e.Code("CD-ITEM") == "gmdmanager":
		return collect(e.At("content"), "")
	case e.Name == "hcparty":
		return []string{e.ID("ID-HCPARTY"), e.At("familyname").Value(), e.Code("CD-HCPARTY")}
	case e.Name == "cd" && e.Value() != "":
		return []string{table + "=" + e.Value()}
	}
	for _, word := range strings.Fields(e.Text) { // labels may be one text or several, in the content or beside it
		if e.Name == "high" || e.Name == "low" {
			word, _, _ = strings.Cut(word, ".0") // how often is a whole number in FHIR
		}
		parts = append(parts, strings.TrimPrefix(path, "content/")+"="+strings.Trim(word, "()"))
	}
	for _, c := range e.Children {
		parts = append(parts, collect(c, strings.TrimPrefix(path+"/"+c.Name, "/"))...)
	}
	return parts
}
