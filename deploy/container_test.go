package deploy_test

import (
	"regexp"
	"strings"
	"testing"
)

// Neither docker nor a reader of YAML is needed here: what is held is what the image
// and the compose file share with the binary, the samples and the units.

func TestImage(t *testing.T) {
	text := read(t, "Dockerfile")
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))
	if version == nil {
		t.Fatal("go.mod names no version of Go")
	}
	_, image, ok := strings.Cut(text, "\nFROM scratch\n")
	if !ok {
		t.Fatal("the image is not made from scratch")
	}
	for what, line := range map[string]string{
		"the Go of go.mod":   "FROM golang:" + version[1] + " AS build",
		"a static binary":    "RUN CGO_ENABLED=0 go build -trimpath -pgo=cmd/carelog/carelog.pgo -ldflags=\"-s -w\" -o /out/carelog ./cmd/carelog",
		"folders for a user": "RUN mkdir -p -m 0700 /out/var/broker /out/var/agent",
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("the build lacks %s: %s", what, line)
		}
	}
	for what, line := range map[string]string{
		"the roots of certificates": "COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt",
		"the binary of the units":   "COPY --from=build /out/carelog /usr/local/bin/carelog",
		"volumes of the user":       "COPY --from=build --chown=65532:65532 /out/var /var/lib/carelog",
		"a user that is not root":   "USER 65532:65532",
		"the binary as its program": `ENTRYPOINT ["/usr/local/bin/carelog"]`,
	} {
		if !strings.Contains(image, "\n"+line+"\n") {
			t.Errorf("the image lacks %s: %s", what, line)
		}
	}
}

// composeService returns the lines of a service of compose.yaml, without their indent.
func composeService(t *testing.T, name string) string {
	t.Helper()
	_, text, ok := strings.Cut(read(t, "compose.yaml"), "\n  "+name+":\n")
	if !ok {
		t.Fatalf("compose.yaml has no service %s", name)
	}
	var lines strings.Builder
	lines.WriteString("\n")
	for line := range strings.Lines(text) {
		if line != "\n" && !strings.HasPrefix(line, "    ") {
			break
		}
		lines.WriteString(strings.TrimPrefix(line, "    "))
	}
	return lines.String()
}

func TestCompose(t *testing.T) {
	whole := read(t, "compose.yaml")
	if strings.Contains(whole, "\t") {
		t.Error("compose.yaml has a tab, which YAML does not allow for indenting")
	}
	for _, line := range []string{"  read_only: true", `  cap_drop: ["ALL"]`, `  security_opt: ["no-new-privileges:true"]`, "  restart: unless-stopped"} {
		if !strings.Contains(whole, "\n"+line+"\n") {
			t.Errorf("x-service, which both services take over, lacks %q", strings.TrimSpace(line))
		}
	}
	for _, sample := range samples {
		t.Run(sample.command, func(t *testing.T) {
			text := composeService(t, sample.command)
			set, _ := settings(t, sample.file)
			grace := unitOf(t, "carelog-"+sample.command).one(t, "Service", "TimeoutStopSec")
			for what, line := range map[string]string{
				"the lines of x-service":     "<<: *service",
				"the sample":                 "  - ./" + sample.file + ":/etc/carelog/" + sample.file + ":ro",
				"a volume where its data is": "  - " + sample.command + ":" + set["data"],
				"the time that its unit has": "stop_grace_period: " + grace,
			} {
				if !strings.Contains(text, "\n"+line+"\n") {
					t.Errorf("the service lacks %s: %q", what, line)
				}
			}
			if start := `command: ["--config", "/etc/carelog/` + sample.file + `", "` + sample.command + `"`; !strings.Contains(text, "\n"+start) {
				t.Errorf("the service does not start with %s", start)
			}
			variables := make(map[string]bool)
			flags := flagsOf(t, sample.command)
			for _, f := range flags {
				variables[f.variable] = true
			}
			for _, m := range regexp.MustCompile(`\n  (CARELOG_\w+):`).FindAllStringSubmatch(text, -1) {
				if !variables[m[1]] {
					t.Errorf("the service sets %s, which carelog %s does not read", m[1], sample.command)
				}
			}
			for _, m := range regexp.MustCompile(`"--([a-z-]+)"`).FindAllStringSubmatch(text, -1) {
				if _, ok := flags[m[1]]; !ok {
					t.Errorf("the service gives --%s, which carelog %s has not", m[1], sample.command)
				}
			}
			if !strings.Contains(whole, "\n  "+sample.command+":\n") {
				t.Errorf("no volume is called %s", sample.command)
			}
		})
	}
}
