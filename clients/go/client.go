package enhancedprompt

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// Client is a connection to the service that outlives the service's processes. It is a
// grpc.ClientConnInterface, for the generated stubs. Safe for concurrent use.
//
// A process that stops refuses new calls on a connection that it has, while its neighbours behind
// the same address would take them. So a Client leaves such a connection: the next call makes a new
// one, and the old one is closed when its last call has ended.
type Client struct {
	target  string
	options Options
	dial    []grpc.DialOption

	mutex   sync.Mutex
	current *connection
	closed  bool
}

type connection struct {
	cc    *grpc.ClientConn
	calls int
	left  bool
}

// Dial makes a client; it connects with the first call. The target is as in grpc.NewClient.
func Dial(target string, options Options) (*Client, error) {
	options = options.withDefaults()
	transport := options.Credentials
	if transport == nil {
		transport = insecure.NewCredentials()
	}
	dial := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: 30 * time.Second, Timeout: 10 * time.Second,
		}),
		// gRPC's own waits (1 s to 2 min) would outlast ours, which decide when to try again.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2,
				MaxDelay: 5 * time.Second,
			},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16 << 20)),
	}
	if options.Token != "" {
		dial = append(dial, grpc.WithPerRPCCredentials(bearer(options.Token)))
	}
	client := &Client{target: target, options: options, dial: append(dial, options.DialOptions...)}
	var err error
	client.current, err = client.connect()
	return client, err
}

// Close ends all calls.
func (c *Client) Close() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.closed = true
	return c.current.cc.Close()
}

// Invoke is for the generated stubs.
func (c *Client) Invoke(
	ctx context.Context, method string, args, reply any, opts ...grpc.CallOption,
) error {
	used := c.take()
	err := used.cc.Invoke(ctx, method, args, reply, opts...)
	c.release(used, err)
	return err
}

// NewStream is for the generated stubs.
func (c *Client) NewStream(
	ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	used := c.take()
	var once sync.Once
	ended := func(err error) { once.Do(func() { c.release(used, err) }) }
	stream, err := used.cc.NewStream(ctx, desc, method, append(opts, grpc.OnFinish(ended))...)
	if err != nil {
		ended(err)
	}
	return stream, err
}

func (c *Client) connect() (*connection, error) {
	cc, err := grpc.NewClient(c.target, c.dial...)
	if err != nil {
		return nil, err
	}
	return &connection{cc: cc}, nil
}

func (c *Client) take() *connection {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.current.calls++
	return c.current
}

func (c *Client) release(used *connection, err error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	used.calls--
	if err != nil && Reason(err) == draining {
		c.replace(used)
	}
	if used.left && used.calls == 0 {
		_ = used.cc.Close()
	}
}

// leave makes the next call use a new connection, where this one is still the newest.
func (c *Client) leave(used *connection) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.replace(used)
}

func (c *Client) replace(used *connection) {
	if c.closed || used != c.current {
		return
	}
	if next, err := c.connect(); err == nil {
		used.left = true
		c.current = next
	}
}

func (c *Client) newest() *connection {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.current
}

// listen reads a stream to its end, or until it was silent for too long. `open` opens it; `take`
// is given its messages and stops the reading with an error of its own. Returns what ended it, nil
// for OK.
func listen[M any](
	ctx context.Context,
	client *Client,
	open func(context.Context) (grpc.ServerStreamingClient[M], error),
	goAway func(*M) bool,
	take func(*M) error,
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the call, whatever happens
	used := client.newest()
	silent := time.AfterFunc(client.options.Silence, cancel)
	defer silent.Stop()
	stream, err := open(ctx)
	if err != nil {
		return err
	}
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		silent.Stop()
		if goAway(message) { // it goes on delivering for a while; the next stream goes elsewhere
			client.leave(used)
		}
		if err := take(message); err != nil {
			return err
		}
		silent.Reset(client.options.Silence)
	}
}

// pause waits. The error is the context's.
func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return ctx.Err()
	}
}

type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (bearer) RequireTransportSecurity() bool { return true }
