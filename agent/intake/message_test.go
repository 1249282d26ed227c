package intake_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/carelog/carelog/agent/intake"
	"github.com/carelog/carelog/projections/sumehr/resources"
)

const theirs = `<?xml version="1.0"?><kmehrmessage xmlns="http://www.ehealth.fgov.be/standards/kmehr/schema/v1"><folder>
<patient><id S="ID-PATIENT" SV="1.0">58031499914</id><firstname>A</firstname><familyname>B</familyname><sex><cd S="CD-SEX" SV="1.1">male</cd></sex></patient>
<transaction><cd S="CD-TRANSACTION" SV="1.9">sumehr</cd><date>2026-01-05</date><time>09:30:00</time><author><hcparty><id S="ID-HCPARTY" SV="1.0">10000007004</id><cd S="CD-HCPARTY" SV="1.12">persphysician</cd><firstname>T</firstname><familyname>V</familyname></hcparty></author>
<item><id S="ID-KMEHR" SV="1.0">1</id><cd S="CD-ITEM" SV="1.11">problem</cd><content><text L="nl">suiker</text></content><duration/></item></transaction></folder></kmehrmessage>`

// types of what a source holds, and the errors.
func typesOf(t *testing.T, s *intake.Source) (types []string, warnings []string, errs []error) {
	t.Helper()
	for item, err := range s.Items(t.Context()) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		types = append(types, item.Type+"/"+item.ID)
		warnings = append(warnings, item.Warnings...)
	}
	return types, warnings, errs
}

// A Sumehr is read as its resources: from a file, a pipe and an archive alike, and what they
// cannot say is named.
func TestMessage(t *testing.T) {
	folder := t.TempDir()
	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	w, err := z.Create("a/theirs.xml")
	if err == nil {
		_, err = w.Write([]byte(theirs))
	}
	if err == nil { // what an archive has beside it is passed over
		w, err = z.Create("a/other.xml")
	}
	if err == nil {
		_, err = w.Write([]byte("<ClinicalDocument/>"))
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"theirs.xml": []byte("\xef\xbb\xbf" + theirs), "packed.zip": packed.Bytes()} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var all [][]string
	for _, open := range []func() (*intake.Source, error){
		func() (*intake.Source, error) { return intake.Open(filepath.Join(folder, "theirs.xml")) },
		func() (*intake.Source, error) { return intake.Open(filepath.Join(folder, "packed.zip")) },
		func() (*intake.Source, error) { return intake.FromReader("pipe", strings.NewReader(theirs)), nil },
	} {
		s, err := open()
		if err != nil {
			t.Fatal(err)
		}
		types, warnings, errs := typesOf(t, s)
		if len(errs) > 0 || len(types) != 4 || len(warnings) != 1 || !strings.HasPrefix(warnings[0], "item 1 problem: duration was not taken in") {
			t.Errorf("got %v, %v, %v", types, warnings, errs)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		all = append(all, types)
	}
	if !slices.Equal(all[0], all[1]) || !slices.Equal(all[0], all[2]) {
		t.Errorf("the same message gives other resources: %v", all)
	}
}

// Who has a record already is asked, and referred to; where that cannot be told, nothing is
// read.
func TestMessageMeets(t *testing.T) {
	s := intake.FromReader("pipe", strings.NewReader(theirs))
	s.Meet(func(_ context.Context, who resources.People) (resources.Known, error) {
		if who.Patient != "58031499914" || !slices.Equal(who.Practitioners, []string{"10000007004"}) {
			t.Errorf("asked for %+v", who)
		}
		return resources.Known{Patient: "p1", Practitioners: map[string]string{"10000007004": "dr1"}}, nil
	})
	for item, err := range s.Items(t.Context()) {
		if err != nil || item.Type == "Patient" || item.Type == "Practitioner" {
			t.Errorf("%s, %v", item.Type, err)
		}
		if !bytes.Contains(item.Body, []byte(`"Patient/p1"`)) {
			t.Errorf("it is not of the patient who stands here: %s", item.Body)
		}
	}
	refused := errors.New("two of them")
	s = intake.FromReader("pipe", strings.NewReader(theirs))
	s.Meet(func(context.Context, resources.People) (resources.Known, error) { return resources.Known{}, refused })
	if types, _, errs := typesOf(t, s); len(types) > 0 || len(errs) != 1 || !errors.Is(errs[0], refused) {
		t.Errorf("got %v, %v", types, errs)
	}
}

func TestMessageRefused(t *testing.T) {
	for name, text := range map[string]string{
		"document type": `<!DOCTYPE kmehrmessage><kmehrmessage xmlns="http://www.ehealth.fgov.be/standards/kmehr/schema/v1"/>`,
		"no Sumehr":     strings.Replace(theirs, ">sumehr<", ">result<", 1),
		"cut off":       theirs[:len(theirs)-30],
		"too large":     strings.Replace(theirs, "suiker", strings.Repeat("x", 9<<20), 1),
	} {
		types, _, errs := typesOf(t, intake.FromReader("pipe", strings.NewReader(text)))
		if len(types) > 0 || len(errs) != 1 {
			t.Errorf("%s: got %v, %v", name, types, fmt.Sprint(errs))
		}
	}
}
