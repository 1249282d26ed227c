package deploy_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// unit is a systemd unit: section, name, values in their order.
type unit map[string]map[string][]string

var (
	sectionLine = regexp.MustCompile(`^\[(Unit|Service|Install)\]$`)
	settingLine = regexp.MustCompile(`^([A-Z][A-Za-z]+)=(\S.*|)$`)
)

// mayRepeat are the settings that add up; of any other, systemd would take the last.
var mayRepeat = []string{"SystemCallFilter", "Environment"}

// mayBeEmpty are the settings for which empty means none at all.
var mayBeEmpty = []string{"CapabilityBoundingSet", "AmbientCapabilities"}

// unitOf reads a unit, and is stricter than systemd, which passes over what it does
// not understand.
func unitOf(t *testing.T, name string) unit {
	t.Helper()
	u, section := make(unit), ""
	for line := range strings.Lines(read(t, filepath.Join("systemd", name+".service"))) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if m := sectionLine.FindStringSubmatch(line); m != nil {
			section = m[1]
			if u[section] != nil {
				t.Errorf("%s: section %s stands twice", name, section)
			}
			u[section] = make(map[string][]string)
			continue
		}
		m := settingLine.FindStringSubmatch(line)
		if m == nil || section == "" || m[2] == "" && !slices.Contains(mayBeEmpty, m[1]) {
			t.Fatalf("%s: cannot read %q", name, line)
		}
		if len(u[section][m[1]]) > 0 && !slices.Contains(mayRepeat, m[1]) {
			t.Errorf("%s: %s stands twice", name, m[1])
		}
		u[section][m[1]] = append(u[section][m[1]], m[2])
	}
	return u
}

// one returns the value of a setting that stands once.
func (u unit) one(t *testing.T, section, name string) string {
	t.Helper()
	if values := u[section][name]; len(values) == 1 {
		return values[0]
	}
	t.Fatalf("%s in section %s: got %q, want one value", name, section, u[section][name])
	return ""
}

func (u unit) stopTimeout(t *testing.T) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(u.one(t, "Service", "TimeoutStopSec"))
	if err != nil {
		t.Fatalf("TimeoutStopSec: %v", err)
	}
	return d
}

// hardening is what both units want of the kernel.
var hardening = map[string]string{
	"NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "AmbientCapabilities": "",
	"ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes", "PrivateUsers": "yes",
	"ProtectClock": "yes", "ProtectHostname": "yes", "ProtectKernelTunables": "yes", "ProtectKernelModules": "yes",
	"ProtectKernelLogs": "yes", "ProtectControlGroups": "yes", "ProtectProc": "invisible", "ProcSubset": "pid",
	"RestrictNamespaces": "yes", "RestrictRealtime": "yes", "RestrictSUIDSGID": "yes", "RemoveIPC": "yes",
	"LockPersonality": "yes", "MemoryDenyWriteExecute": "yes", "SystemCallArchitectures": "native",
	"SystemCallErrorNumber": "EPERM", "StateDirectoryMode": "0700", "UMask": "0077",
}

func TestUnits(t *testing.T) {
	users := read(t, filepath.Join("systemd", "carelog.sysusers.conf"))
	for _, sample := range samples {
		t.Run(sample.command, func(t *testing.T) {
			u := unitOf(t, "carelog-"+sample.command)
			for name, want := range hardening {
				if got := u.one(t, "Service", name); got != want {
					t.Errorf("%s=%s, want %s", name, got, want)
				}
			}
			if got, want := u["Service"]["SystemCallFilter"], []string{"@system-service", "~@privileged @resources"}; !slices.Equal(got, want) {
				t.Errorf("SystemCallFilter: got %q, want %q", got, want)
			}
			if got, want := u.one(t, "Service", "ExecStart"), "/usr/local/bin/carelog --config /etc/carelog/"+sample.file+" "+sample.command; got != want {
				t.Errorf("ExecStart: got %s, want %s", got, want)
			}
			user := u.one(t, "Service", "User")
			if !regexp.MustCompile(`(?m)^u\s+` + user + `\s`).MatchString(users) {
				t.Errorf("user %s is not made by carelog.sysusers.conf", user)
			}
			if group := u.one(t, "Service", "Group"); user != "carelog-"+sample.command || group != user {
				t.Errorf("user %s, group %s: want carelog-%s for both, which no other unit has", user, group, sample.command)
			}
			set, _ := settings(t, sample.file)
			if got := "/var/lib/" + u.one(t, "Service", "StateDirectory"); got != set["data"] {
				t.Errorf("the unit lets %s be written, and %s keeps its data in %s", got, sample.file, set["data"])
			}
			if got := u.one(t, "Service", "Restart"); got != "on-failure" {
				t.Errorf("Restart=%s, want on-failure", got)
			}
			if got := u.one(t, "Unit", "StartLimitIntervalSec"); got != "0" {
				t.Errorf("StartLimitIntervalSec=%s, want 0: it must never give up for good", got)
			}
			if got := u.one(t, "Service", "RestartPreventExitStatus"); got != "2" {
				t.Errorf("RestartPreventExitStatus=%s, want 2, the exit code of a wrong configuration", got)
			}
			// The doors let requests under way finish for 10 s.
			if got := u.stopTimeout(t); got < 20*time.Second {
				t.Errorf("TimeoutStopSec=%v, want room for an orderly stop: 20 s or more", got)
			}
		})
	}
	agent := unitOf(t, "carelog-agent")
	set, _ := settings(t, "agent.conf")
	if got, want := agent.one(t, "Unit", "AssertPathExists"), set["data"]+"/enrolment.json"; got != want {
		t.Errorf("the agent's unit wants %s, and the agent reads %s", got, want)
	}
}

// What systemd itself says, of the units with the binary under test.
func TestUnitsAsSystemdReadsThem(t *testing.T) {
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not on this machine")
	}
	folder := t.TempDir()
	var files []string
	for _, sample := range samples {
		name := "carelog-" + sample.command + ".service"
		text := strings.ReplaceAll(read(t, filepath.Join("systemd", name)), "/usr/local/bin/carelog", binary(t))
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	analyze := func(args ...string) {
		t.Helper()
		var out bytes.Buffer
		cmd := exec.Command(tool, args...)
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil || strings.Contains(out.String(), folder) {
			t.Errorf("systemd-analyze %s: %v\n%s", args[0], err, out.String())
		}
	}
	analyze(append([]string{"verify", "--man=no"}, files...)...)
	// The exposure that systemd computes, times ten; an unhardened unit has 96.
	for _, file := range files {
		analyze("security", "--no-pager", "--offline=true", "--threshold=15", file)
	}
}
