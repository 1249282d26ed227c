package attachments

import (
	"cmp"
	"fmt"
	"os"
	"slices"

	"github.com/carelog/carelog/events"
	"github.com/carelog/carelog/internal/localdisk"
)

// tidy removes contents that the server has and that nobody reads, the one first that
// was not looked at for longest, until there is room for so many bytes more, on
// the disk and within Room, for the content of a name; ErrNoRoom where the disk has none.
func (s *Store) tidy(more int64, of string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	free, err := localdisk.Free(s.path())
	if err != nil {
		return fmt.Errorf("ask for the room on the disk: %w", err)
	}
	list, err := os.ReadDir(s.path())
	if err != nil {
		return fmt.Errorf("list the attachments: %w", err)
	}
	var spare []os.FileInfo
	var total int64
	for _, file := range list {
		name := file.Name()
		if file.IsDir() || events.ValidateAttachmentName(name) != nil {
			continue
		}
		if name == of || s.owed[name] || s.held[name] != nil {
			continue
		}
		info, err := file.Info()
		if err != nil {
			continue // removed meanwhile
		}
		total += info.Size()
		if s.entries[name] == nil {
			spare = append(spare, info)
		}
	}
	slices.SortFunc(spare, func(a, b os.FileInfo) int {
		return cmp.Or(a.ModTime().Compare(b.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	for _, info := range spare {
		if total+more <= s.config.Room && free >= more+s.config.Spare {
			return nil
		}
		if _, err := os.Stat(s.path(owedFolder, info.Name())); err == nil {
			continue // it was put by a program that was killed, and is not whole
		}
		if err := os.Remove(s.path(info.Name())); err != nil {
			return fmt.Errorf("make room for attachments: %w", err)
		}
		total -= info.Size()
		free += info.Size()
	}
	if more > 0 && free < more+s.config.Spare {
		return fmt.Errorf("%w: it needs %d MB, and %d are free", ErrNoRoom, (more+s.config.Spare)>>20, free>>20)
	}
	return nil
}
