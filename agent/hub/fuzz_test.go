package hub_test

import (
	"testing"

	"github.com/carelog/carelog/agent/hub"
	"github.com/carelog/carelog/projections/sumehr/kmehr"
)

// FuzzUnwrap: whatever a hub answers is a payload or an error, and a payload can be wrapped
// again.
func FuzzUnwrap(f *testing.F) {
	f.Add(hub.Wrap(nil, hub.In(hub.Protocol, kmehr.New("PutTransactionResponse", hub.In(hub.Core, kmehr.Leaf("acknowledge", "x"))))))
	f.Add([]byte(`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Server</faultcode></s:Fault></s:Body></s:Envelope>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		payload, err := hub.Unwrap(text)
		if err != nil || payload.Name == "" {
			return
		}
		again, err := hub.Unwrap(hub.Wrap(nil, payload))
		if err != nil || string(kmehr.Write(again)) != string(kmehr.Write(payload)) {
			t.Fatalf("%v\n%s", err, kmehr.Write(payload))
		}
	})
}
