package fhirjson

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/carelog/carelog/events"
)

// Extensions of the FHIR Device that stands for an enrolled PC.
const (
	DeviceKeyURL         = "https://carelog.eu/fhir/StructureDefinition/device-key"
	DeviceCertificateURL = "https://carelog.eu/fhir/StructureDefinition/device-certificate"
	DeviceLoginURL       = "https://carelog.eu/fhir/StructureDefinition/device-login"
	DeviceEndURL         = "https://carelog.eu/fhir/StructureDefinition/device-end"
)

// DeviceKey is what the log says of an enrolled PC: who may sign, and who vouched.
type DeviceKey struct {
	Public      []byte // Ed25519, 32 bytes
	Certificate []byte // by the practice's root key; see events.Certify
	Login       string // public key with which it logs in to the broker; may be empty
	Name        string // for people
	Active      bool
	// Ends are the ends of the device's chain that a revocation lets stand: each is what the next event
	// after it would carry. One for a sound chain, MaxDeviceEnds at most; none in an older revocation.
	Ends []events.Chain
}

// MaxDeviceEnds is how many ends of its chain the record of a device names at most: some 25 KB.
const MaxDeviceEnds = 100

// ErrNoDeviceKey says that a resource is not the Device of an enrolled PC; a
// patient's pacemaker is a Device too.
var ErrNoDeviceKey = errors.New("the resource is no Device with a signing key")

// DeviceOf reads the Device of an enrolled PC. The key's length is checked, the
// certificate is not. An end that cannot be read is left out, as are those past MaxDeviceEnds: it must not
// make a revocation none.
func DeviceOf(body []byte) (DeviceKey, error) {
	t, err := parse(body)
	if err != nil {
		return DeviceKey{}, err
	}
	defer t.free()
	extensions, ok := t.member(root, "extension")
	if !ok || t.textAt(root, "resourceType") != "Device" {
		return DeviceKey{}, ErrNoDeviceKey
	}
	k := DeviceKey{Active: t.textAt(root, "status") == "active"}
	for c := range t.children(extensions) {
		var into *[]byte
		switch t.textAt(c, "url") {
		case DeviceKeyURL:
			into = &k.Public
		case DeviceCertificateURL:
			into = &k.Certificate
		case DeviceLoginURL:
			k.Login = t.textAt(c, "valueString")
			continue
		case DeviceEndURL:
			if end, err := events.ParseChain(t.textAt(c, "valueString")); err == nil && len(k.Ends) < MaxDeviceEnds {
				k.Ends = append(k.Ends, end)
			}
			continue
		default:
			continue
		}
		if *into != nil {
			return DeviceKey{}, t.fault(c, "Device.extension", "it stands twice")
		}
		if *into, err = base64.StdEncoding.Strict().DecodeString(t.textAt(c, "valueBase64Binary")); err != nil {
			return DeviceKey{}, t.fault(c, "Device.extension", "valueBase64Binary is not base64")
		}
	}
	switch len(k.Public) {
	case 0:
		return DeviceKey{}, ErrNoDeviceKey
	case ed25519.PublicKeySize:
	default:
		return DeviceKey{}, t.fault(extensions, "Device.extension", fmt.Sprintf("the key has %d bytes: want %d", len(k.Public), ed25519.PublicKeySize))
	}
	if names, ok := t.member(root, "deviceName"); ok {
		for c := range t.children(names) {
			k.Name = t.textAt(c, "name")
			break
		}
	}
	return k, nil
}

// DeviceResource writes the Device of an enrolled PC; DeviceOf reads it.
func DeviceResource(id string, k DeviceKey) []byte {
	status := "inactive"
	if k.Active {
		status = "active"
	}
	out := appendMember([]byte("{"), "resourceType", "Device")
	out = appendMember(append(out, ','), "id", id)
	out = append(out, `,"extension":[`...)
	out = appendBinary(out, DeviceKeyURL, k.Public)
	if len(k.Certificate) > 0 {
		out = appendBinary(append(out, ','), DeviceCertificateURL, k.Certificate)
	}
	if k.Login != "" {
		out = appendText(append(out, ','), DeviceLoginURL, k.Login)
	}
	for _, end := range k.Ends {
		out = appendText(append(out, ','), DeviceEndURL, end.String())
	}
	out = appendMember(append(out, "],"...), "status", status)
	if k.Name != "" {
		out = append(out, `,"deviceName":[{`...)
		out = appendMember(out, "name", k.Name)
		out = appendMember(append(out, ','), "type", "user-friendly-name")
		out = append(out, "}]"...)
	}
	return append(out, '}')
}

func appendBinary(out []byte, url string, value []byte) []byte {
	out = appendMember(append(out, '{'), "url", url)
	out = appendMember(append(out, ','), "valueBase64Binary", base64.StdEncoding.EncodeToString(value))
	return append(out, '}')
}

func appendText(out []byte, url, value string) []byte {
	out = appendMember(append(out, '{'), "url", url)
	return append(appendMember(append(out, ','), "valueString", value), '}')
}
