package paper

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Machine is what a run was measured on.
type Machine struct {
	System     string // operating system and architecture
	Go         string
	Processor  string // empty where the system does not tell, as all that follows
	Cores      int
	Memory     string
	Load       string        // just before the run: over 1, 5 and 15 minutes
	FileSystem string        // of the folder that was measured
	Sync       time.Duration // median of an append of 4 KiB that waits for the disk
}

// ThisMachine asks the machine. Nothing is left in the folder.
func ThisMachine(folder string) (Machine, error) {
	m := Machine{System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), Cores: runtime.NumCPU()}
	m.Processor = field("/proc/cpuinfo", "model name")
	m.Memory = field("/proc/meminfo", "MemTotal")
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load = strings.Join(strings.Fields(string(load))[:3], " ")
	}
	m.FileSystem = fileSystem(folder)
	var err error
	m.Sync, err = syncTime(folder)
	return m, err
}

// field is the first value of a name in one of the system's files.
func field(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// fileSystem is the kind of the mount that a folder is below.
func fileSystem(folder string) (kind string) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return ""
	}
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return ""
	}
	longest := -1
	for line := range strings.Lines(string(mounts)) {
		words := strings.Fields(line)
		if len(words) < 3 {
			continue
		}
		at := strings.TrimSuffix(words[1], "/") + "/"
		if strings.HasPrefix(folder+"/", at) && len(at) > longest {
			longest, kind = len(at), words[2]
		}
	}
	return kind
}

// syncTime measures what each acknowledgement waits for.
func syncTime(folder string) (_ time.Duration, err error) {
	f, err := os.CreateTemp(folder, "carelog-sync-")
	if err != nil {
		return 0, fmt.Errorf("measure the disk: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	const times = 101
	took := make([]time.Duration, times)
	block := make([]byte, 4096)
	for i := range took {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, fmt.Errorf("measure the disk: %w", err)
		}
		if err := f.Sync(); err != nil {
			return 0, fmt.Errorf("measure the disk: %w", err)
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return took[times/2], nil
}

// lines are what the page says of the machine.
func (m Machine) lines() (list []string) {
	add := func(name, value string) {
		if value != "" && value != "0s" {
			list = append(list, fmt.Sprintf("- %s: %s", name, value))
		}
	}
	add("processor", strings.TrimPrefix(fmt.Sprintf("%s, %d cores", m.Processor, m.Cores), ", "))
	add("memory", m.Memory)
	add("system", m.System+", "+m.Go)
	add("file system", m.FileSystem)
	add("an append of 4 KiB with sync", m.Sync.Round(10*time.Microsecond).String())
	add("load before the run", m.Load)
	return list
}
