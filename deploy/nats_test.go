package deploy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/carelog/carelog/broker"
)

// natsConf writes nats.conf into a folder of its own, with its own files below it
// instead of those of a real machine, and an operator that the broker package made.
func natsConf(t *testing.T, without ...*regexp.Regexp) (file string, operator *broker.Operator) {
	t.Helper()
	folder := t.TempDir()
	operator, err := broker.OpenOperator(filepath.Join(folder, "var/lib/carelog/broker/operator"))
	if err != nil {
		t.Fatal(err)
	}
	writeCertificate(t, filepath.Join(folder, "etc/carelog/tls"))
	text := read(t, "nats.conf")
	for _, cut := range without {
		if !cut.MatchString(text) {
			t.Fatalf("nats.conf has no %v", cut)
		}
		text = cut.ReplaceAllString(text, "")
	}
	text = strings.NewReplacer(`"/var/`, `"`+folder+`/var/`, `"/etc/`, `"`+folder+`/etc/`).Replace(text)
	file = filepath.Join(folder, "nats.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, operator
}

func writeCertificate(t *testing.T, folder string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"server.crt": {Type: "CERTIFICATE", Bytes: certificate},
		"server.key": {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNATSConfiguration(t *testing.T) {
	file, _ := natsConf(t)
	o, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatalf("nats-server does not read nats.conf: %v", err)
	}
	defer o.AccountResolver.Close()
	if !o.JetStream || !o.SyncAlways {
		t.Errorf("JetStream %v, sync_interval always %v; want both: an acknowledged event is on the disk", o.JetStream, o.SyncAlways)
	}
	if o.JetStreamLimits.DefaultMaxConsumers != -1 {
		t.Errorf("default_max_consumers %d, want -1, as the embedded broker has it", o.JetStreamLimits.DefaultMaxConsumers)
	}
	if o.MaxPayload != 1<<20 {
		t.Errorf("max_payload %d, want 1 MiB, as the embedded broker has it", o.MaxPayload)
	}
	if len(o.TrustedOperators) != 1 || o.SystemAccount == "" {
		t.Errorf("%d operators, system account %q: want one of each", len(o.TrustedOperators), o.SystemAccount)
	}
	if o.TLSConfig == nil {
		t.Error("no TLS")
	}
	if o.HTTPHost != "127.0.0.1" {
		t.Errorf("monitoring on %q, want 127.0.0.1: it names practices and devices", o.HTTPHost)
	}
}

// runNATS runs nats-server as nats.conf says, on a free port and without TLS, until
// the returned function is called.
func runNATS(t *testing.T, file string) (url string, stop func()) {
	t.Helper()
	o, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	o.Host, o.Port, o.HTTPPort, o.NoSigs, o.NoLog = "127.0.0.1", server.RANDOM_PORT, 0, true, true
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("nats-server does not answer")
	}
	return s.ClientURL(), func() {
		s.Shutdown()
		s.WaitForShutdown()
	}
}

// The steps of README.md for an existing server: a practice that is added while it
// runs is let in at once; a device that is revoked is out after a restart.
func TestNATSConfigurationCarriesPractices(t *testing.T) {
	file, operator := natsConf(t, regexp.MustCompile(`(?s)\ntls \{.*?\n\}\n`))
	url, stop := runNATS(t, file)
	token, seed := addPractice(t, operator, "dr-peeters", url)
	if err := connect(url, token, seed); err != nil {
		t.Errorf("the device cannot connect: %v", err)
	}
	addPractice(t, operator, "dr-maes", url)

	user, err := broker.UserKey(token)
	if err != nil {
		t.Fatal(err)
	}
	if err := operator.Revoke(t.Context(), "dr-peeters", user); err != nil {
		t.Fatal(err)
	}
	stop()
	url, stop = runNATS(t, file)
	defer stop()
	if err := connect(url, token, seed); err == nil {
		t.Error("a revoked device connects after the restart, want it refused")
	}
	provision(t, operator, "dr-peeters", url) // the streams are as they were
}

// addPractice adds a practice, makes its streams, and enrols one device.
func addPractice(t *testing.T, operator *broker.Operator, id, url string) (token, seed string) {
	t.Helper()
	signing, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	public, err := signing.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	account, err := operator.AddPractice(t.Context(), broker.AddPractice{ID: id, SigningKey: public})
	if err != nil {
		t.Fatal(err)
	}
	provision(t, operator, id, url)
	token, seed, err = broker.IssueUser(signing, account.PublicKey, id, "d1")
	if err != nil {
		t.Fatal(err)
	}
	return token, seed
}

func provision(t *testing.T, operator *broker.Operator, practice, url string) {
	t.Helper()
	access, err := operator.Access(practice, url)
	if err != nil {
		t.Fatal(err)
	}
	if err := broker.Provision(t.Context(), access, practice, 1); err != nil {
		t.Fatal(err)
	}
}

// connect logs a device in, once.
func connect(url, token, seed string) error {
	conn, err := nats.Connect(url, nats.UserJWTAndSeed(token, seed), nats.NoReconnect(), nats.CustomInboxPrefix("_INBOX.d1"))
	if err != nil {
		return err
	}
	conn.Close()
	return nil
}
