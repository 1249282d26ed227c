package broker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/carelog/carelog/internal/localdisk"
)

// Defaults of ServerConfig.
const (
	DefaultHost = "127.0.0.1"
	DefaultPort = 4222
	AnyPort     = -1
)

// ServerConfig says where and how the embedded broker runs.
type ServerConfig struct {
	Data     string // folder of the streams; made where it is absent; one broker at a time
	Operator string // folder of OpenOperator; "" means Data/operator
	Host     string // "" means DefaultHost: this machine only
	Port     int    // AnyPort: any free one; 0 means DefaultPort
	// MonitorPort serves the broker's own monitoring on Host; 0 is off, AnyPort any
	// free one. It names practices and devices to whoever can reach it.
	MonitorPort int
	Logger      *slog.Logger // nil discards
}

// Validate says what is wrong with the configuration.
func (c ServerConfig) Validate() error {
	if c.Data == "" {
		return errors.New("no data folder for the broker")
	}
	for name, port := range map[string]int{"port": c.Port, "monitor port": c.MonitorPort} {
		if port < AnyPort || port > 65535 {
			return fmt.Errorf("%s %d: want 1 to 65535, or %d for any free one", name, port, AnyPort)
		}
	}
	return nil
}

// PortInUseError says that another process listens where the broker should.
type PortInUseError struct{ Address string }

// Error says what to do.
func (e *PortInUseError) Error() string {
	return fmt.Sprintf("%s is in use: another broker may be running; stop it, or choose another port", e.Address)
}

// Server is an embedded broker: one node, streams on disk, every message synced
// before it is acknowledged, one account per practice.
type Server struct {
	operator *Operator
	nats     *server.Server
	out      []unrecovered // not changed once it runs
	lock     *localdisk.Lock
	stop     chan struct{}
	enough   context.CancelFunc // of examine
	watching sync.WaitGroup
	close    func() error
}

// readyTimeout bounds how long Start waits for recovered streams: five million
// messages took 17 s after a kill.
const readyTimeout = 5 * time.Minute

// Start starts the broker and returns when it answers. ctx bounds the start only;
// the broker runs until Close. After a kill or a power cut it recovers by itself
// what it had acknowledged. A practice with a stream that cannot be started is out of service, and said in the log; it is an
// error where that is all of them.
//
// Errors: *FolderInUseError, *PortInUseError, and others that name the folder.
func Start(ctx context.Context, c ServerConfig) (*Server, error) {
	s, err := start(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("start the broker: %w", err)
	}
	return s, nil
}

func start(ctx context.Context, c ServerConfig) (_ *Server, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Operator == "" {
		c.Operator = filepath.Join(c.Data, "operator")
	}
	if c.Host == "" {
		c.Host = DefaultHost
	}
	if c.Port == 0 {
		c.Port = DefaultPort
	}
	if _, err := os.Stat(c.Data); errors.Is(err, fs.ErrNotExist) {
		if err := portFree(ctx, c.Host, c.Port); err != nil {
			return nil, err // and no folder is left that nobody asked for
		}
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, err
	}
	s := &Server{stop: make(chan struct{}), enough: func() {}}
	if s.lock, err = lockFolder(c.Data); err != nil {
		return nil, err
	}
	s.close = sync.OnceValue(s.shutdown)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.operator, err = OpenOperator(c.Operator); err != nil {
		return nil, err
	}
	if err := portFree(ctx, c.Host, c.Port); err != nil {
		return nil, err
	}
	return s, s.run(ctx, c)
}

// run starts nats-server and waits until it answers or says why it will not.
func (s *Server) run(ctx context.Context, c ServerConfig) error {
	log := newServerLog(c.Logger)
	accounts := newResolver(s.operator, c.Logger)
	s.mendSettings(c.Data, c.Logger)
	stood, buckets := s.stood(c.Data, c.Logger), s.keyBuckets(c.Data, c.Logger)
	mendFiles(ctx, stood, c.Logger)
	var err error
	if s.nats, err = server.NewServer(options(c, s.operator, accounts)); err != nil {
		return err
	}
	s.nats.SetLoggerV2(log, false, false, false)
	started := make(chan struct{})
	go func() {
		defer close(started)
		s.nats.Start()
	}()
	deadline := time.Now().Add(readyTimeout)
	for {
		select {
		case err := <-log.fatal:
			<-started
			return err
		case <-ctx.Done():
			<-started
			return ctx.Err()
		case <-started:
		default:
		}
		if s.nats.ReadyForConnections(10 * time.Millisecond) {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("it does not answer after %v", readyTimeout)
		}
	}
	<-started
	if err := errors.Join(s.outOfService(c.Data, c.Logger), s.healthy()); err != nil {
		return err
	}
	s.watching.Go(func() { accounts.watch(s.nats, s.stop) })
	looking, enough := context.WithCancel(context.WithoutCancel(ctx))
	s.enough = enough
	s.watching.Go(func() {
		s.mendKeys(looking, buckets, c.Logger)
		s.examine(looking, stood, c.Logger)
	})
	c.Logger.Info("the broker runs", slog.String("url", s.URL()), slog.String("data", c.Data))
	return nil
}

// storeMost is how many bytes the streams may take: the disk is the bound. nats-server by itself takes three quarters
// of what its streams have and what is free when it starts, and a broker that is started with more than that refuses all writing
// and reading of practices that had room before. A disk that is full ends the broker, which says so.
const storeMost = 1 << 62

// options are those of nats-server. They cannot be used twice.
func options(c ServerConfig, o *Operator, accounts *resolver) *server.Options {
	return &server.Options{
		ServerName:             "carelog",
		Host:                   c.Host,
		Port:                   c.Port,
		HTTPHost:               c.Host,
		HTTPPort:               c.MonitorPort,
		NoSigs:                 true, // signals belong to the program, not to one part of it
		JetStream:              true,
		StoreDir:               c.Data,
		SyncAlways:             true, // fsync before every acknowledgement
		DisableJetStreamBanner: true,
		TrustedOperators:       []*jwt.OperatorClaims{o.claims},
		SystemAccount:          o.system,
		AccountResolver:        accounts,
		JetStreamMaxStore:      storeMost,
		JetStreamLimits:        server.JSLimitOpts{DefaultMaxConsumers: -1}, // each reader has one for a while
	}
}

// portFree reports a port that is taken before nats-server does in its own way.
func portFree(ctx context.Context, host string, port int) error {
	if port == AnyPort {
		return nil
	}
	address := net.JoinHostPort(host, strconv.Itoa(port))
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return &PortInUseError{Address: address}
	case err != nil:
		return fmt.Errorf("listen on %s: %w", address, err)
	}
	return listener.Close()
}

// healthy reports what ails the broker.
func (s *Server) healthy() error {
	ill := s.ills()
	if len(ill) == 0 {
		return nil
	}
	return fmt.Errorf("it is not healthy: %s", ill[0].Error)
}

// ills asks the broker itself, since a stream that cannot be recovered does not keep
// nats-server from starting; those that are out of service are said already. It gives itself a millisecond to answer, which is too
// short on a PC that is busy just then, so it is asked more than once.
func (s *Server) ills() (list []server.HealthzError) {
	for range healthTries {
		list = slices.DeleteFunc(s.nats.Healthz(&server.HealthzOptions{Details: true}).Errors, func(e server.HealthzError) bool {
			return slices.ContainsFunc(s.out, func(x unrecovered) bool { return x.account == e.Account && x.stream == e.Stream })
		})
		if len(list) == 0 {
			break
		}
	}
	return list
}

const healthTries = 20

// URL is where clients connect, with the real port.
func (s *Server) URL() string { return s.nats.ClientURL() }

// Operator is the folder of the broker's accounts.
func (s *Server) Operator() *Operator { return s.operator }

// Healthy reports why the broker does not work as it should, such as a disk that
// cannot be written; nil when all is well.
func (s *Server) Healthy() error { return s.healthy() }

// Provision provisions every practice that has an account on this broker, but for those that are out of service; see
// Operator.ProvisionAll.
func (s *Server) Provision(ctx context.Context) error {
	return s.operator.ProvisionAll(ctx, s.URL(), 1, s.OutOfService()...)
}

// Close stops the broker and waits until all is on disk and the folder is free.
func (s *Server) Close() error { return s.close() }

func (s *Server) shutdown() error {
	close(s.stop)
	s.enough()
	s.watching.Wait()
	if s.nats != nil {
		s.nats.Shutdown()
		s.nats.WaitForShutdown()
	}
	return s.lock.Close()
}
