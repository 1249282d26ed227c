package structure_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestFormats writes values of each primitive type into an extension, which can have any.
func TestFormats(t *testing.T) {
	for _, c := range []struct {
		typ       string // in the name of the member
		good, bad string // JSON values, separated by spaces
	}{
		{"Boolean", `true false`, `"true" 1 0 "" {} []`},
		{"Integer", `0 -0 1 -1 2147483647 -2147483648`, `2147483648 -2147483649 1.0 1e2 "1" true 99999999999999999999`},
		{"UnsignedInt", `0 1 2147483647`, `-1 -0 2147483648 0.0 "0"`},
		{"PositiveInt", `1 10 2147483647`, `0 -1 2147483648 1e1 1.0`},
		{"Decimal", `0 1.00 -0.0 1e10 1E-9 123456789012345678901234567890.5`, `"1.0" true {}`},
		{"Date", `"2024-02-29" "2000-02-29" "1970" "1970-12" "0001" "9999-12-31"`,
			`"2023-02-30" "2023-02-29" "1900-02-29" "2023-04-31" "0000" "1970-13" "1970-00" "1970-1" "1970-01-00" "70" "19700330" "1970-01-01T00:00:00Z" "1970-" "1970-01-" "+970" "" 1970 "1970/01/01" "30-03-1970"`},
		{"DateTime", `"1970" "1970-12" "2024-02-29" "2024-02-29T23:59:60Z" "2024-02-29T00:00:00.123456789+14:00" "2024-02-29T00:00:00-00:00"`,
			`"2023-02-29T00:00:00Z" "2024-02-29T24:00:00Z" "2024-02-29T00:60:00Z" "2024-02-29T00:00:61Z" "2024-02-29T00:00Z" "2024-02-29T00:00:00" "2024-02-29T00:00:00.Z" "2024-02-29T00:00:00+14:01" "2024-02-29T00:00:00+1:00" "2024-02-29T00:00:00z" "2024-02-29t00:00:00Z" "2024-02-29T" "2024-02T00:00:00Z" "2024T00:00:00Z"`},
		{"Instant", `"2024-02-29T23:59:59Z" "2024-02-29T23:59:59.1+01:00" "2015-02-07T13:28:17.239+02:00"`, `"2024" "2024-02-29" "2024-02-29T23:59:59" "2024-02-30T23:59:59Z" ""`},
		{"Time", `"00:00:00" "23:59:60" "12:00:00.5"`, `"24:00:00" "12:00" "12:00:00Z" "12:00:00." "1:00:00" ""`},
		{"Id", `"a" "A-b.9" "` + strings.Repeat("x", 64) + `"`, `"" "a_b" "a/b" "é" "` + strings.Repeat("x", 65) + `" 1`},
		{"Code", `"a" "<=" "a\u0020b" "é"`, `"" "\u0020a" "a\u0020" "a\u0020\u0020b" "\n" 1`},
		{"Uri", `"x" "urn:oid:1" "http://é/ø?#|"`, `"" "a\u0020b" "\ta" 1`},
		{"Url", `"http://x"`, `"" "a\u0020b"`},
		{"Canonical", `"http://x|1.0"`, `"" "a\nb"`},
		{"Oid", `"urn:oid:1.2.0.10" "urn:oid:2.999"`, `"1.2.3" "urn:oid:3.1" "urn:oid:1" "urn:oid:1." "urn:oid:1.02" "urn:oid:1.a" "urn:oid:1..2" ""`},
		{"Uuid", `"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"`,
			`"c757873d-ec9a-4326-a141-556f43239520" "urn:uuid:C757873D-EC9A-4326-A141-556F43239520" "urn:uuid:c757873d-ec9a-4326-a141-556f4323952" "urn:uuid:c757873dxec9a-4326-a141-556f43239520" "urn:oid_:c757873d-ec9a-4326-a141-556f43239520" ""`},
		{"Base64Binary", `"QUJD" "QUI=" "QQ==" "QUJD\nQUJD" "\u0020QUJD\u0020" "+/+/"`, `"" "QUJ" "QUJDQ" "QU=D" "Q===" "====" "QU\nJD" "QU-_" 1`},
		{"String", `"x" "\u0020" "\n" "a\r\n\u0009b" "\u007f"`, `"" 1 true {} [] "\u0001" "a\u0000b" "a\u001fb" "\b"`},
		{"Markdown", `"*x*"`, `"" 1 "a\u0000b"`},
	} {
		try := func(value string) bool {
			return issues(t, of("Basic", `"code":{"text":"x"},"extension":[{"url":"u","value`+c.typ+`":`+value+`}]`)) == nil
		}
		for value := range strings.FieldsSeq(c.good) {
			if !try(value) {
				t.Errorf("%s %s is refused", c.typ, value)
			}
		}
		for value := range strings.FieldsSeq(c.bad) {
			if try(value) {
				t.Errorf("%s %s passes", c.typ, value)
			}
		}
	}
}

// A date passes where the calendar of the standard library has it, and only there.
func TestDatesAreThoseOfTheCalendar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		date := rapid.StringMatching(`(19|20|00|[0-9]{2})[0-9]{2}-[0-3][0-9]-[0-3][0-9]`).Draw(t, "date")
		_, err := time.Parse(time.DateOnly, date)
		exists := err == nil && !strings.HasPrefix(date, "0000")
		if passes := issues(t, of("Patient", `"birthDate":"`+date+`"`)) == nil; passes != exists {
			t.Fatalf("%s passes: %v, exists: %v", date, passes, exists)
		}
	})
}
