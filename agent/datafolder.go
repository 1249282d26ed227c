package agent

import (
	"errors"
	"io"
	"path/filepath"

	"github.com/carelog/carelog/internal/localdisk"
)

// ErrInUse says that another agent has the data folder.
var ErrInUse = errors.New("another carelog agent is running on this data folder: stop it, or give this one a folder of its own")

// Lock takes the data folder of a desk that is not running, so that a tool can look
// into its files; ErrInUse where it is. Close gives it back.
func Lock(data string) (io.Closer, error) { return lockFolder(data) }

func lockFolder(data string) (*localdisk.Lock, error) {
	lock, err := localdisk.TakeLock(filepath.Join(data, lockFile))
	if errors.Is(err, localdisk.ErrLocked) {
		err = ErrInUse
	}
	return lock, err
}
