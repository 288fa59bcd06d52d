package enhancedprompt

import (
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// Retry says how often and how soon something is tried again. Waits are drawn with full jitter
// between 0 and First * 2^n, at most Longest. A RetryInfo of the service is a lower bound, and ends
// the trying where it is above Longest.
type Retry struct {
	Attempts int
	First    time.Duration
	Longest  time.Duration
}

// Options say how a Client behaves. The zero value is good for a service on this machine.
type Options struct {
	// Credentials of the transport; nil is plaintext, which is for loopback.
	Credentials credentials.TransportCredentials

	// Token is a bearer token or an API key, sent with every call; it needs Credentials.
	Token string

	// DialOptions come after those that are made here.
	DialOptions []grpc.DialOption

	// Retry counts until the first frame of a turn; default 3 attempts, 100 ms, 2 s.
	Retry Retry

	// Reattach counts after it, from each frame anew; default 10 attempts, 100 ms, 5 s.
	Reattach Retry

	// Silence after which a stream counts as cut: the service's heartbeats come every 15 s, and
	// three of them may be missed. Default 45 s.
	Silence time.Duration
}

func (o Options) withDefaults() Options {
	if o.Retry.Attempts == 0 {
		o.Retry = Retry{Attempts: 3, First: 100 * time.Millisecond, Longest: 2 * time.Second}
	}
	if o.Reattach.Attempts == 0 {
		o.Reattach = Retry{Attempts: 10, First: 100 * time.Millisecond, Longest: 5 * time.Second}
	}
	if o.Silence == 0 {
		o.Silence = 45 * time.Second
	}
	return o
}

// wait is how long to wait after the attempt of a number (from 1); false means to give up.
func (r Retry) wait(attempt int, retryAfter time.Duration) (time.Duration, bool) {
	if attempt >= r.Attempts || retryAfter > r.Longest {
		return 0, false
	}
	return max(r.draw(attempt), retryAfter), true
}

// draw is a wait with full jitter after the attempt of a number (from 1).
func (r Retry) draw(attempt int) time.Duration {
	ceiling := min(r.Longest, r.First<<min(attempt-1, 30))
	if ceiling <= 0 { // the shift left the range
		ceiling = r.Longest
	}
	return time.Duration(rand.Float64() * float64(ceiling))
}
