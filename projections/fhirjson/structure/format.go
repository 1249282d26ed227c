package structure

import (
	"strings"

	"github.com/carelog/carelog/projections/fhirjson"
)

// format is how a primitive type is written.
type format struct {
	kind fhirjson.Kind
	fits func(value []byte) bool // of a string without quotes, of all others as they stand
	want string
}

// formats are those of R4: the regular expressions of its primitive types, and what
// its text says beside them (datatypes.html#primitive). The expressions are written out,
// since each value of each resource passes here.
var formats = map[string]*format{
	"base64Binary": {fhirjson.Text, isBase64, "base64 in groups of four, padded with ="},
	"boolean":      {fhirjson.Literal, isBoolean, "true or false without quotes"},
	"canonical":    {fhirjson.Text, isURI, "a URI without white space, with |version where it has one"},
	"code":         {fhirjson.Text, isCode, "a code without white space around it, and single spaces at most in it"},
	"date":         {fhirjson.Text, isDate, "a date that exists, as YYYY, YYYY-MM or YYYY-MM-DD"},
	"dateTime":     {fhirjson.Text, isDateTime, "a date that exists, as YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss+zz:zz; a time needs seconds and a zone"},
	"decimal":      {fhirjson.Number, anything, "a number without quotes"},
	"id":           {fhirjson.Text, isID, "1 to 64 of A-Z, a-z, 0-9, - and ."},
	"instant":      {fhirjson.Text, isInstant, "a moment that exists, as YYYY-MM-DDThh:mm:ss.sss+zz:zz; it needs seconds and a zone"},
	"integer":      {fhirjson.Number, isInteger, "a whole number from -2147483648 to 2147483647, without quotes, point and exponent"},
	"markdown":     {fhirjson.Text, isText, wantText},
	"oid":          {fhirjson.Text, isOID, "urn:oid: and an OID, such as urn:oid:1.2.3"},
	"positiveInt":  {fhirjson.Number, isPositive, "a whole number from 1 to 2147483647, without quotes, point and exponent"},
	"string":       {fhirjson.Text, isText, wantText},
	"time":         {fhirjson.Text, isTime, "a time as hh:mm:ss, without a zone"},
	"unsignedInt":  {fhirjson.Number, isUnsigned, "a whole number from 0 to 2147483647, without quotes, point and exponent"},
	"uri":          {fhirjson.Text, isURI, "a URI without white space"},
	"url":          {fhirjson.Text, isURI, "a URL without white space"},
	"uuid":         {fhirjson.Text, isUUID, "urn:uuid: and a UUID in small letters"},
	"xhtml":        {fhirjson.Text, isText, "the XHTML of a div, as a string"},
}

func anything([]byte) bool { return true } // JSON's numbers are those of decimal

const wantText = "a text without control characters other than tab and line ends; leave the element out where there is none"

// isText is what datatypes.html#string says beside its expression: no character below 32 but
// tab, carriage return and line feed.
func isText(v []byte) bool {
	for _, b := range v {
		if b < ' ' && b != '\t' && b != '\r' && b != '\n' {
			return false
		}
	}
	return len(v) > 0
}

func isBoolean(v []byte) bool { return len(v) > 0 && v[0] != 'n' } // of true, false and null

func isSpace(b byte) bool { return b == ' ' || '\t' <= b && b <= '\r' }

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func isAlphanumeric(b byte) bool {
	return isDigit(b) || 'a' <= b|0x20 && b|0x20 <= 'z'
}

// isURI follows \S*; empty strings are nowhere allowed in FHIR's JSON.
func isURI(v []byte) bool {
	for _, b := range v {
		if isSpace(b) {
			return false
		}
	}
	return len(v) > 0
}

// isCode follows [^\s]+(\s[^\s]+)*.
func isCode(v []byte) bool {
	space := true // stands before the first
	for _, b := range v {
		if isSpace(b) && space {
			return false
		}
		space = isSpace(b)
	}
	return !space
}

// isID follows [A-Za-z0-9\-\.]{1,64}.
func isID(v []byte) bool {
	for _, b := range v {
		if !isAlphanumeric(b) && b != '-' && b != '.' {
			return false
		}
	}
	return 0 < len(v) && len(v) <= 64
}

// isOID follows urn:oid:[0-2](\.(0|[1-9][0-9]*))+.
func isOID(v []byte) bool {
	rest, ok := strings.CutPrefix(string(v), "urn:oid:")
	if !ok || len(rest) < 3 || rest[0] < '0' || rest[0] > '2' || rest[1] != '.' {
		return false
	}
	for arc := range strings.SplitSeq(rest[2:], ".") {
		if arc == "" || len(arc) > 1 && arc[0] == '0' || strings.Trim(arc, "0123456789") != "" {
			return false
		}
	}
	return true
}

// isUUID follows urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}.
func isUUID(v []byte) bool {
	const shape = "urn:uuid:xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	if len(v) != len(shape) {
		return false
	}
	for i, b := range v {
		if i < len("urn:uuid:") || shape[i] == '-' {
			if b != shape[i] {
				return false
			}
		} else if !isDigit(b) && (b < 'a' || b > 'f') {
			return false
		}
	}
	return true
}

// isBase64 follows (\s*([0-9a-zA-Z\+/=]){4}\s*)+, with padding at the end alone: what
// stands behind it could be read by nobody.
func isBase64(v []byte) bool {
	group, padding := 0, 0
	for _, b := range v {
		switch {
		case isSpace(b):
			if group%4 != 0 {
				return false
			}
			continue
		case b == '=':
			padding++
		case !isAlphanumeric(b) && b != '+' && b != '/', padding > 0:
			return false
		}
		group++
	}
	return group > 0 && group%4 == 0 && padding <= 2
}

// isInteger follows -?(0|[1-9][0-9]*), within 32 bits. The JSON was read before, so a
// number without point and exponent is an integer.
func isInteger(v []byte) bool {
	digits, limit := v, "2147483647"
	if v[0] == '-' {
		digits, limit = v[1:], "2147483648"
	}
	return atMost(digits, limit)
}

func isUnsigned(v []byte) bool { return v[0] != '-' && atMost(v, "2147483647") }

func isPositive(v []byte) bool { return v[0] != '0' && isUnsigned(v) }

// atMost compares digits without leading zeros with a limit.
func atMost(digits []byte, limit string) bool {
	for _, b := range digits {
		if !isDigit(b) {
			return false
		}
	}
	return len(digits) < len(limit) || len(digits) == len(limit) && string(digits) <= limit
}
