package broker

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// serverLog gives the broker's own log lines to slog, and keeps the first fatal
// one: nats-server's way to say that it will not run. Its own logger would end
// this process there, with whatever else runs in it.
type serverLog struct {
	logger *slog.Logger
	once   sync.Once
	fatal  chan error // one at most
}

func newServerLog(logger *slog.Logger) *serverLog {
	return &serverLog{logger: logger, fatal: make(chan error, 1)}
}

func (l *serverLog) log(level slog.Level, format string, v []any) {
	if l.logger.Enabled(context.Background(), level) {
		l.logger.Log(context.Background(), level, fmt.Sprintf(format, v...))
	}
}

func (l *serverLog) Noticef(format string, v ...any) { l.log(slog.LevelDebug, format, v) }
func (l *serverLog) Errorf(format string, v ...any)  { l.log(slog.LevelError, format, v) }
func (l *serverLog) Debugf(format string, v ...any)  { l.log(slog.LevelDebug, format, v) }
func (l *serverLog) Tracef(format string, v ...any)  { l.log(slog.LevelDebug, format, v) }

// Warnf also says at once, of a file that is found damaged, what it means: nats-server cuts it off there.
func (l *serverLog) Warnf(format string, v ...any) {
	if !strings.Contains(format, "corrupt") {
		l.log(slog.LevelWarn, format, v)
		return
	}
	l.log(slog.LevelError, "a file of the broker is damaged, and what it had may be gone: have the disk looked at; the desks give back what they have: "+format, v)
}

// Fatalf keeps the first reason for Start to return.
func (l *serverLog) Fatalf(format string, v ...any) {
	l.log(slog.LevelError, format, v)
	l.once.Do(func() { l.fatal <- fmt.Errorf(format, v...) })
}
